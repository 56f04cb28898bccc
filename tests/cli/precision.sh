# bfloat16 from extraction to search: part of the recipe, and never mixed with float32.
mkdir p; cp images/rgb_8.png images/grey_8.png images/orientation_6.jpg p
printf 'p/rgb_8.png\t0\np/grey_8.png\t1\np/orientation_6.jpg\t1\n' >list.txt
how=(--size 32 --backend reference)
show likeness extract model.safetensors list.txt -o b.npy --precision bf16 "${how[@]}"
grep precision b.recipe.json
show likeness extract model.safetensors list.txt -o f.npy "${how[@]}"
grep precision f.recipe.json
cmp -s b.npy f.npy || echo "the values differ"
show likeness index model.safetensors list.txt -o g --precision bf16 "${how[@]}"
show likeness search g p/rgb_8.png --top 1 --backend reference
show likeness search g p/rgb_8.png --precision f32 --backend reference
show likeness search g f.npy
show likeness add g list.txt --precision f32 --backend reference
show likeness classify model.safetensors p/rgb_8.png --precision int8 "${how[@]}"
show likeness classify model.safetensors p/rgb_8.png --precision bf16 --backend openblas
show likeness classify model.safetensors p/rgb_8.png --precision half
