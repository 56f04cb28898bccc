# The layer table and its sums; JSON; models that cannot be opened.
hide() { sed -E 's/[0-9a-f]{64}/SHA-256/'; }
show likeness info model.safetensors | hide
show likeness info --size 96x64 model.safetensors | hide | tail -n 20
show likeness info --resize-shorter 256 --crop 224 --mean 0.5,0.5,0.5 --std 1,1,1 model.safetensors | hide | sed -n 1,5p
show likeness info --json --size 32 model.safetensors | hide | sed -n 1,81p
show likeness info --resize-shorter 100 model.safetensors
show likeness info missing.safetensors
show likeness info .
: >empty.safetensors; show likeness info empty.safetensors
head -c 5000 model.safetensors >cut.safetensors; show likeness info cut.safetensors
head -c 1000000 model.safetensors >short.safetensors; show likeness info short.safetensors
cp images/rgb_8.png picture.safetensors; show likeness info picture.safetensors
