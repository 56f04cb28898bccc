# A list with all that lists may hold, a bad picture among them; what is written beside the matrix.
header() { head -c 128 "$1" | tail -c +11 | sed 's/ *$//'; }
mkdir -p set/rat; cp images/rgb_8.png "set/rat/a b.png"; cp images/cmyk.jpg set/rat/c.jpg
printf '\xEF\xBB\xBFrat/a b.png\t3\r\nrat\\c.jpg 4\r\n\r\nrat/gone.jpg\t5\r\nimages/grey.jpg\t-1\r\nimages/grey.jpg\r\n' >set/list.txt
printf 'D:\\Sets\\Zoo\\rat\\c.jpg\t7\nD:\\Sets\\Zoology\\c.jpg\t8\n' >set/windows.txt
extract() { show likeness extract --backend reference "$@"; }
extract model.safetensors set/list.txt -o out.npy
ls -A; header out.npy; cat out.tsv out.skipped.tsv
sed -E 's/[0-9a-f]{64}/SHA-256/' out.recipe.json
echo '- its own list of rows is a list again, and the skipped can be tried again'
extract model.safetensors out.tsv -o again.npy
cmp out.npy again.npy; cmp out.tsv again.tsv
cut -f 1 out.skipped.tsv | extract model.safetensors - -o retry.npy
echo '- a run without a bad picture takes the old list of skipped ones away'
extract model.safetensors set/rat/c.jpg -o out.npy
ls -A; cat out.tsv
extract model.safetensors set/windows.txt --map 'D:/Sets/Zoo=set' -o out.npy
cat out.tsv
echo '- features'
extract model.safetensors set/rat/c.jpg --feature logits --softmax --l2 --json -o out.npy; header out.npy
extract model.safetensors set/rat/c.jpg --feature Conv2D-312 --size 64 -o out.npy; header out.npy
grep feature out.recipe.json
extract model.safetensors set/rat/c.jpg --bn batch -o out.npy; grep batch out.recipe.json
