# Several features in one pass, fused features, projections and hashed bits.
extract() { show likeness extract --backend reference --size 64 "$@"; }
header() { head -c 128 "$1" | tail -c +11 | sed 's/ *$//'; }
pictures='images/rgb_8.png images/grey.jpg images/cmyk.jpg'
extract model.safetensors $pictures --feature logits --feature features.17:max -o both.npy
ls -A; header both-features.17-max.npy
extract model.safetensors $pictures --feature logits -o logits.npy; cmp logits.npy both-logits.npy
echo '- fused: the sizes add up, or must agree'
extract model.safetensors $pictures --feature logits --feature pooled --fuse series --weights 1,0.5 --part-l2 --l2 -o fused.npy
header fused.npy; grep -E '"(fusion|weight|feature)"' fused.recipe.json
extract model.safetensors $pictures --feature logits --feature pooled --fuse parallel -o fused.npy
extract model.safetensors $pictures --feature logits --fuse series --project logits.npy -o projected.npy
header projected.npy; grep -c 'projection_sha256": "[0-9a-f]\{64\}"' projected.recipe.json
extract model.safetensors $pictures --feature pooled --project logits.npy -o projected.npy
echo '- bits'
extract model.safetensors $pictures --feature logits --hash mean --keep-raw -o bits.npy
header bits.npy; cmp bits.raw.npy logits.npy; sed -n '/hash/,/}/p' bits.recipe.json
tail -c +129 bits.npy | od -An -tx1
extract model.safetensors $pictures --feature logits --hash median --no-sigmoid -o bits.npy; tail -c +129 bits.npy | od -An -tx1
extract model.safetensors $pictures --feature logits --hash 0.5 -o bits.npy; tail -c +129 bits.npy | od -An -tx1
extract model.safetensors $pictures --feature logits --hash mean --hash-scope matrix -o bits.npy; tail -c +129 bits.npy | od -An -tx1
echo '- what does not go together'
extract model.safetensors $pictures --weights 1 -o no.npy
extract model.safetensors $pictures --fuse series --weights 1,2 -o no.npy
extract model.safetensors $pictures --hash maximum -o no.npy
extract model.safetensors $pictures --keep-raw -o no.npy
extract model.safetensors $pictures --feature features.17:sum -o no.npy
extract model.safetensors $pictures --hash mean --study-names query -o no.npy
ls -A
