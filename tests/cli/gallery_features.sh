# Features made elsewhere: floats and bits, with and without a list.
mkdir pictures; cp images/{rgb_8.png,grey.jpg,coarse.jpg} pictures/
likeness extract --backend reference --size 32 model.safetensors pictures/rgb_8.png pictures/grey.jpg pictures/coarse.jpg --feature logits --hash mean --keep-raw -o f.npy
printf 'a.jpg\t0\npictures/grey.jpg\t1\nb.jpg\t7\n' >list.txt; head -n 2 list.txt >short.txt
cat >info.json <<< '{"label_dict": {"0": "rat", "1": "ox"}}'
index() { show likeness index "$@"; }
index --features f.raw.npy -o plain
sed -E 's/"[0-9a-f]{8}"/"CRC-32"/; s/[0-9a-f]{64}/SHA-256/' plain/manifest.json; cat plain/segments/000001/rows.jsonl
index --features f.raw.npy --labels list.txt --labels-info info.json -o named
cat named/segments/000001/rows.jsonl
likeness gallery named
cmp f.raw.npy named/segments/000001/features.npy && echo "the same bytes"
index --features f.npy --bits 12 --labels list.txt --json -o bits
cmp f.npy bits/segments/000001/features.npy && echo "the same bytes"
index --features f.npy --bits 12 --labels list.txt -o bits
show likeness verify bits
index --features f.raw.npy --labels list.txt -o bits
index --features f.npy --bits 12 -o bits
index --features f.npy -o other
index --features f.npy --bits 11 -o other
index --features f.npy --bits 17 -o other
index --features f.raw.npy --labels short.txt -o other
index --features f.raw.npy --labels missing.txt -o other
index --features list.txt -o other
printf '\xff\xff\xff\x7f' | dd of=f.raw.npy bs=1 seek=180 conv=notrunc status=none
index --features f.raw.npy -o other
ls other 2>/dev/null
show likeness add bits pictures/rgb_8.png
