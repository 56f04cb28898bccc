# Queries of every kind, and every form of their hits.
mkdir set
i=0
for name in rgb_8.png grey_8.png palette_1.png baseline_444.jpg baseline_420.jpg cmyk.jpg progressive_420.jpg; do
    cp images/$name set/; printf '%s\t%d\n' $name $((i % 3)) >>set/list.txt; i=$((i + 1))
done
cp set/rgb_8.png set/twin.png; printf 'twin.png\t2\n' >>set/list.txt
cat set/list.txt
how=(--size 32 --backend reference)
show likeness index "${how[@]}" model.safetensors set/list.txt -o zoo
search() { show likeness search --backend reference "$@"; }
echo '- a picture, a list, a folder, standard input; -k beyond the rows'
search zoo set/cmyk.jpg -k 3
search zoo set/list.txt --top 1
search zoo set -k 1
echo set/grey_8.png | search zoo - -k 2
search zoo set/cmyk.jpg -k 1000
echo '- metrics'
for metric in cosine inner l2; do search zoo set/cmyk.jpg -k 2 --metric $metric; done
echo '- threads, batch and instructions change nothing'
likeness search --backend reference zoo set/list.txt >one
for t in 2 7; do likeness search --backend reference --isa portable -t $t zoo set/list.txt --batch 3 | diff one - && echo alike; done
echo '- thresholds, filters, itself'
search zoo set/cmyk.jpg --threshold 0.9999
search zoo set/cmyk.jpg --threshold 1.5
search zoo set/cmyk.jpg --metric l2 --threshold 0
search zoo set/cmyk.jpg --filter label=1
search zoo set/cmyk.jpg --filter label=ox
search zoo set/cmyk.jpg --filter label=牛 --filter label=0 -k 3
search zoo set/cmyk.jpg --filter label=11
search zoo set/rgb_8.png -k 3
search zoo set/rgb_8.png -k 3 --exclude-self
search zoo set/rgb_8.png -k 1000 --exclude-self --paths-only
echo '- joined'
search zoo set/rgb_8.png --join -k 2
search zoo set/rgb_8.png set/cmyk.jpg --join -k 3
search zoo set/rgb_8.png set/cmyk.jpg --join=1,0 -k 3
search zoo set/rgb_8.png set/cmyk.jpg --join=0.5,-0.25 -k 2
search zoo set/rgb_8.png set/cmyk.jpg --join --exclude-self -k 2
echo '- paths from where one stands; a gallery behind a link keeps its ..'
ln -s ../zoo set/link; search set/link set/cmyk.jpg -k 1; (cd zoo; ln -s ../model.safetensors .; search . ../set/cmyk.jpg -k 1; rm model.safetensors); mkdir -p a/b; (cd a/b; search ../../zoo ../../set/cmyk.jpg -k 1 --paths-only)
rm set/link
echo '- by chance'
search zoo --random set/list.txt --seed 1 -k 1
search zoo --random set/list.txt --seed 2 -k 1
likeness search --backend reference zoo --random set/list.txt -k 1 | wc -l
echo '- forms'
search zoo set/cmyk.jpg set/rgb_8.png -k 2 --paths-only
search zoo set/cmyk.jpg -k 2 --paths-only -0 | tr '\0' '|'; echo
search zoo set/cmyk.jpg set/rgb_8.png -k 2 --json
search zoo set/cmyk.jpg set/rgb_8.png -k 2 --copy-to hits/of/today; (cd hits/of/today && for file in *; do cmp "$file" "../../../set/${file#q*_r*_}" && echo "$file"; done)
echo '- features, with a recipe beside them and without'
likeness extract "${how[@]}" model.safetensors set/cmyk.jpg set/rgb_8.png -o q.npy >/dev/null
search zoo q.npy -k 2
rm q.recipe.json; search zoo q.npy -k 1 --json
search zoo q.npy --join=0,1 -k 2
echo '- options that repeat the recipe'
search zoo set/cmyk.jpg --size 32 -k 1
search zoo set/cmyk.jpg --feature pooled -k 1
search zoo set/cmyk.jpg --size 32 --feature pooled -k 1
search zoo set/cmyk.jpg --mean 0.485,0.456,0.406 -k 1
search zoo set/cmyk.jpg --model ./model.safetensors -k 1
echo '- bits'
likeness index "${how[@]}" model.safetensors set/list.txt --feature logits --hash mean -o bits >/dev/null
search bits set/cmyk.jpg -k 4
search bits set/cmyk.jpg --threshold 2 --json
likeness extract "${how[@]}" model.safetensors set/cmyk.jpg --feature logits --hash mean -o b.npy >/dev/null; search bits b.npy -k 1
echo '- the floats beside bits: the hits of a gallery of floats'
likeness index "${how[@]}" model.safetensors set/list.txt --feature logits --hash mean --keep-raw -o both >/dev/null
likeness index "${how[@]}" model.safetensors set/list.txt --feature logits -o floats >/dev/null
likeness extract "${how[@]}" model.safetensors set/cmyk.jpg --feature logits -o f.npy >/dev/null
for metric in cosine l2 inner; do for query in set/cmyk.jpg f.npy; do
    for options in '' '--filter label=1' '-k 1000'; do
        likeness search --backend reference both $query --metric $metric $options | diff - <(likeness search --backend reference floats $query --metric $metric $options) && echo alike
    done
done; done | uniq -c
search both set/cmyk.jpg --feature logits --hash mean --metric cosine -k 1
search both set/cmyk.jpg -k 1
search both b.npy -k 1
search both b.npy -k 1 --metric l2
search both q.npy --metric cosine
echo '- a gallery of features made elsewhere: paths and labels are optional'
show likeness index --features q.npy -o bare
search bare q.npy -k 2
search bare q.npy -k 1 --json
search bare set/cmyk.jpg --model model.safetensors --feature pooled --size 32 -k 1
echo '- a projection is the gallery'\''s own'
npy() { local header; printf -v header "%-117s" "{'descr': '<f4', 'fortran_order': False, 'shape': ($1), }"; printf '\x93NUMPY\x01\x00\x76\x00%s\n' "$header"; cat; }
{ printf '\x00\x00\x80\x3f'; head -c 44 /dev/zero; head -c 4 /dev/zero; printf '\x00\x00\x80\x3f'; head -c 40 /dev/zero; } | npy '2, 12' >w.npy
show likeness index "${how[@]}" model.safetensors set/list.txt --feature logits --project w.npy -o small
search small set/cmyk.jpg -k 1
search small set/cmyk.jpg --feature logits --project w.npy -k 1
echo '- rows that were removed are not found; a gallery without rows finds nothing'
likeness remove zoo set/cmyk.jpg >/dev/null; search zoo set/cmyk.jpg -k 1
likeness remove zoo --label 0 --label 1 --label 2 >/dev/null; search zoo set/cmyk.jpg
likeness compact zoo >/dev/null; search zoo set/cmyk.jpg; search zoo set/cmyk.jpg --json --exclude-self
