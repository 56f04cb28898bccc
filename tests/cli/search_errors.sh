# What goes wrong with a search: each fault has its line and its exit code.
mkdir set
for name in rgb_8.png grey_8.png cmyk.jpg; do cp images/$name set/; printf 'set/%s\t%d\n' $name 1 >>list.txt; done
how=(--size 32 --backend reference)
likeness index "${how[@]}" model.safetensors list.txt -o zoo >/dev/null
likeness index "${how[@]}" model.safetensors list.txt --feature logits --hash mean -o bits >/dev/null
search() { show likeness search --backend reference "$@"; }
plain() { sed -E 's/[0-9a-f]{64}/SHA-256/g; s/\b[0-9a-f]{8}\b/CRC-32/g'; }
npy() { local header; printf -v header "%-117s" "{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"; printf '\x93NUMPY\x01\x00\x76\x00%s\n' "$header"; cat; }
echo '- usage'
search
search zoo
search zoo set/cmyk.jpg --random list.txt
search zoo set/cmyk.jpg --seed 1
search zoo set/cmyk.jpg -0
search zoo set/cmyk.jpg --json --paths-only
search zoo set/cmyk.jpg -k 0
search zoo set/cmyk.jpg --metric euclid
search zoo set/cmyk.jpg --threshold near
search zoo set/cmyk.jpg --threshold nan
search zoo set/cmyk.jpg --filter 1
search zoo set/cmyk.jpg --join=1,x
search zoo set/cmyk.jpg set/rgb_8.png --join=1
search zoo set/cmyk.jpg --feature logits --feature pooled
search zoo set/cmyk.jpg --metric hamming
search bits set/cmyk.jpg --metric cosine
search bits set/cmyk.jpg set/rgb_8.png --join
echo '- no such gallery'
search nowhere set/cmyk.jpg
search set set/cmyk.jpg
search list.txt set/cmyk.jpg
echo '- pictures'
: >empty.jpg; head -c 300 images/cmyk.jpg >short.jpg
search zoo set/cmyk.jpg gone.jpg empty.jpg short.jpg set -k 1
search zoo set/cmyk.jpg gone.jpg -k 1 --json
search zoo set/cmyk.jpg gone.jpg --strict
search zoo gone.jpg
search zoo set/cmyk.jpg gone.jpg --join
search zoo --random gone.txt
: >none.txt; search zoo none.txt
echo '- another recipe, another model'
search zoo set/cmyk.jpg --feature logits
search zoo set/cmyk.jpg --size 64
search zoo set/cmyk.jpg --l2
search bits set/cmyk.jpg --feature logits --hash median
search bits set/cmyk.jpg --feature logits
cp model.safetensors other.safetensors; chmod u+w other.safetensors; printf ' ' | dd of=other.safetensors bs=1 seek=1000000 conv=notrunc status=none
search zoo set/cmyk.jpg --model other.safetensors 2>&1 | plain
search zoo set/cmyk.jpg --model gone.safetensors
likeness extract "${how[@]}" model.safetensors list.txt --l2 -o l2.npy >/dev/null; search zoo l2.npy
likeness extract --backend reference --size 64 model.safetensors list.txt -o size.npy >/dev/null; search zoo size.npy
echo '- labels'
search zoo set/cmyk.jpg --filter label=nobody
search zoo set/cmyk.jpg --filter label=99
search zoo set/cmyk.jpg --filter label=
echo '- features'
head -c 12 /dev/zero | npy '<f4' '1, 3' >three.npy; search zoo three.npy
search bits three.npy
head -c 48 /dev/zero | npy '<f4' '1, 12' >f12.npy; search bits f12.npy
head -c 3 /dev/zero | npy '|u1' '1, 3' >bytes.npy; search bits bytes.npy
search zoo bytes.npy
printf '\xff\xf1' | npy '|u1' '1, 2' >spare.npy; search bits spare.npy
head -c 5120 /dev/zero | npy '<f4' '1, 1280' >zero.npy; search zoo zero.npy
search zoo zero.npy --metric inner -k 1
{ printf '\x00\x00\xc0\x7f'; head -c 5116 /dev/zero; } | npy '<f4' '1, 1280' >nan.npy; search zoo nan.npy
printf '' | npy '<f4' '0, 1280' >norows.npy; search zoo norows.npy
head -c 200 zero.npy >cut.npy; search zoo cut.npy
: >empty.npy; search zoo empty.npy
search zoo gone.npy
search zoo zero.npy set/cmyk.jpg
search zoo zero.npy --feature pooled
search zoo zero.npy --exclude-self
echo '- a gallery of features made elsewhere'
head -c 48 /dev/zero | npy '<f4' '1, 12' >g.npy; show likeness index --features g.npy -o made
search made f12.npy
search made set/cmyk.jpg
search made set/cmyk.jpg --model model.safetensors
search made set/cmyk.jpg --model model.safetensors --size 32 --feature logits --hash mean
likeness index --features bytes.npy --bits 24 -o made24 >/dev/null
search made24 set/cmyk.jpg --model model.safetensors --size 32 --feature logits
printf '\xff\xf0' | npy '|u1' '1, 2' >b12.npy; likeness index --features b12.npy --bits 12 -o made12 >/dev/null
search made12 set/cmyk.jpg --model model.safetensors --size 32 --feature logits
echo '- damage'
cp -r zoo cut; truncate -s -1 cut/segments/000001/features.npy; search cut set/cmyk.jpg
cp -r zoo lines; truncate -s -1 lines/segments/000001/rows.jsonl; search lines set/cmyk.jpg
cp -r zoo half; truncate -s 100 half/manifest.json; search half set/cmyk.jpg
cp -r zoo gone; rm gone/segments/000001/features.npy; search gone set/cmyk.jpg
echo '- copies'
: >file
search zoo set/cmyk.jpg -k 1 --copy-to file
search zoo set/cmyk.jpg -k 1 --copy-to file/below
rm set/cmyk.jpg; search zoo images/cmyk.jpg -k 1 --copy-to hits; ls hits
echo '- standard output'
likeness search --backend reference zoo set/rgb_8.png >/dev/full; echo "exit $?"
