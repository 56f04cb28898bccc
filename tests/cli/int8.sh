# A model file in int8, by every command that runs a network; galleries of int8; wishes that it cannot fulfil.
hide() { sed -E 's/[0-9a-f]{64}/SHA-256/g'; }
ln -s "$(dirname "$(realpath model.safetensors)")/model_w025_int8.safetensors" int8.safetensors
show likeness info int8.safetensors | hide | sed -n 1,4p
likeness classify --size 64 int8.safetensors images/rgb_8.png >native
likeness classify --size 64 --precision int8 --backend reference int8.safetensors images/rgb_8.png >reference
cmp native reference && wc -l <native
show likeness extract int8.safetensors images/rgb_8.png -o a.npy --size 64
show likeness extract int8.safetensors images/rgb_8.png -o b.npy --size 64 --backend reference --precision int8
cmp a.npy b.npy && grep -o '"precision": "[a-z0-9]*"' a.recipe.json
show likeness trace --size 32 int8.safetensors images/rgb_8.png -o stages; ls stages | wc -l
show likeness trace --size 32 --backend reference int8.safetensors images/rgb_8.png --compare stages | tail -n 1
show likeness bench --backend reference --repeat 1 --size 32 int8.safetensors | grep -c i8__reference
echo '- galleries'
mkdir pictures; cp images/rgb_8.png images/baseline_420.jpg pictures
show likeness index --size 64 int8.safetensors pictures -o gallery
show likeness search gallery images/rgb_8.png --paths-only -k 1
show likeness search gallery images/rgb_8.png --precision f32
show likeness add gallery images/rgb_8.png --precision f32
show likeness search gallery images/rgb_8.png --model model.safetensors 2>&1 | hide
echo '- wishes'
show likeness classify --precision f32 int8.safetensors images/rgb_8.png
show likeness classify --precision int8 model.safetensors images/rgb_8.png
show likeness classify --precision half model.safetensors images/rgb_8.png
show likeness classify --backend openblas int8.safetensors images/rgb_8.png
show likeness extract int8.safetensors images/rgb_8.png -o c.npy --feature features.0.0
show likeness extract int8.safetensors images/rgb_8.png -o c.npy --bn batch --backend reference
show likeness bench --plain --backend reference int8.safetensors
