# The likeliest classes; names from elsewhere; pictures that cannot be read.
classify() { show likeness classify --backend reference "$@"; }
classify model.safetensors images/rgb_8.png images/cmyk.jpg
classify --top 2 model.safetensors images/rgb_8.png
classify --top 2 --english model.safetensors images/rgb_8.png
classify --top 99 model.safetensors images/rgb_8.png
classify --top 2 --size 96 --threads 2 model.safetensors images/rgb_8.png
classify --top 1 --json model.safetensors images/rgb_8.png | sed -E 's/("probability": 0\.[0-9]{4})[0-9]*/\1/'
echo '{"label_dict": {"0": "zero", "7": "seven"}, "label_dict_en": {"7": "SEVEN"}}' >info.json
classify --top 12 --info info.json model.safetensors images/rgb_8.png
classify --top 12 --info info.json --english model.safetensors images/rgb_8.png
echo '{"label_dict": ' >broken.json
classify --info broken.json model.safetensors images/rgb_8.png
: >empty.jpg; head -c 300 images/baseline_420.jpg >cut.jpg; echo text >text.png
classify --top 1 model.safetensors empty.jpg images/rgb_8.png cut.jpg text.png missing.jpg
classify model.safetensors empty.jpg missing.jpg
classify model.safetensors missing.jpg
classify model.safetensors images
