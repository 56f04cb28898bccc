# What each command says of itself, and what wrong options are told.
show likeness --version
show likeness --help
for command in info classify extract trace bench; do show likeness $command --help; done
show likeness
show likeness fly
show likeness --fly
show likeness info
show likeness info a b
show likeness info --size 31 model.safetensors
show likeness info --size 96x model.safetensors
show likeness info --size 0x96 model.safetensors
show likeness info --crop 96 model.safetensors
show likeness info --size 96 --resize-shorter 128 model.safetensors
show likeness info --mean 1,2 model.safetensors
show likeness info --std 1,0,1 model.safetensors
show likeness classify model.safetensors
show likeness classify --top 0 model.safetensors images/rgb_8.png
show likeness classify --backend gpu model.safetensors images/rgb_8.png
show likeness classify --threads -1 model.safetensors images/rgb_8.png
show likeness extract model.safetensors
show likeness extract model.safetensors images
show likeness extract model.safetensors images -o out.txt
show likeness extract model.safetensors images -o folder/.npy
show likeness extract model.safetensors images -o out.npy --map nothing
show likeness extract model.safetensors images -o out.npy --bn none
show likeness extract model.safetensors images -o out.npy --study-names train
show likeness trace model.safetensors
show likeness trace model.safetensors images/rgb_8.png
show likeness trace stages -o elsewhere --compare other
show likeness trace --tolerance x model.safetensors images/rgb_8.png -o stages
show likeness bench --repeat none model.safetensors
