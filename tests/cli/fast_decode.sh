# --fast-decode from extraction to search: part of the recipe, never mixed with exact decoding; a PNG is as it was.
cp "$(dirname "$0")/../../examples/zodiac/pictures/query/tiger/0001.jpg" tiger.jpg
cp images/rgb_8.png .
printf 'tiger.jpg\t0\nrgb_8.png\t1\n' >list.txt
how=(--size 32 --backend reference)
show likeness extract model.safetensors list.txt -o fast.npy --fast-decode "${how[@]}"
grep fast_decode fast.recipe.json
show likeness extract model.safetensors list.txt -o exact.npy "${how[@]}"
grep fast_decode exact.recipe.json
cmp -s <(tail -c 10240 fast.npy | head -c 5120) <(tail -c 10240 exact.npy | head -c 5120) || echo "the JPEG's values differ"
cmp -s <(tail -c 5120 fast.npy) <(tail -c 5120 exact.npy) && echo "the PNG's are the same"
show likeness index model.safetensors list.txt -o g --fast-decode "${how[@]}"
show likeness index model.safetensors list.txt -o exact "${how[@]}"
show likeness search g tiger.jpg --top 1 --backend reference
show likeness search g fast.npy --top 1
show likeness search g exact.npy
show likeness search exact tiger.jpg --fast-decode --backend reference
show likeness classify model.safetensors tiger.jpg --top 1 --fast-decode "${how[@]}"
show likeness classify model.safetensors tiger.jpg --top 1 "${how[@]}"
show likeness trace model.safetensors tiger.jpg -o stages --fast-decode "${how[@]}" >/dev/null
show likeness trace model.safetensors tiger.jpg -o exact_stages "${how[@]}" >/dev/null
for folder in stages exact_stages; do head -c 128 $folder/*decoded*.npy | tr -d '\0' | grep -ao "'shape': ([0-9, ]*)"; done
show likeness bench --layer pointwise --in 8x8x16 --out 16 --fast-decode
