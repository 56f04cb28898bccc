# The cuda backend from the command: without a module, without a device, lost in the middle; its kernels run on the CPU.
mkdir p; cp images/rgb_8.png images/grey_8.png images/orientation_6.jpg p
small="--size 32"
classify() { likeness classify model.safetensors p/rgb_8.png $small --top 1 "$@"; }
echo "No module: auto says nothing, cuda what is missing"
show classify
show classify --backend cuda
export LIKENESS_CUDA_MODULE=$fake_gpu
echo "A module, and a device"
show classify
show classify --backend cuda --device 1
show classify --backend cuda --device 2
show classify --backend cuda --tf32 --precision f16
show classify --backend cuda --precision bf16
show classify --backend native --precision f16
show classify --backend cuda --isa avx2
for fault in no-driver old-driver no-device; do
    export LK_FAKE_GPU=$fault
    show classify
    show classify --backend cuda
done
show classify --json
show likeness extract model.safetensors p $small --json -o cpu.npy
show likeness trace model.safetensors p/rgb_8.png $small -o stages
unset LK_FAKE_GPU
echo "Lost in the middle: what is done is kept, and gone on from"
show likeness extract model.safetensors p $small --threads 1 --backend cuda -o whole.npy
LK_FAKE_GPU=lose=60 show likeness extract model.safetensors p $small --threads 1 --backend cuda -o out.npy
ls out*
show likeness extract model.safetensors p $small --threads 1 --backend cuda -o out.npy
cmp out.npy whole.npy && echo "the same as undisturbed"
echo "Less memory than a batch wants"
LK_FAKE_GPU=memory=1090000 show likeness extract model.safetensors p $small --threads 1 --batch 3 --backend cuda -o parts.npy
cmp parts.npy whole.npy && echo "the same as with enough"
LK_FAKE_GPU=memory=1000 show likeness extract model.safetensors p $small --threads 1 --backend cuda -o none.npy
echo "float16 is part of the recipe"
show likeness index model.safetensors p $small --precision f16 -o g
show likeness search g p/rgb_8.png --top 1
show likeness search g p/rgb_8.png --precision f32
echo "Search on the GPU: the hits of the CPU"
show likeness index model.safetensors p $small -o f
show likeness search f p/rgb_8.png --top 3 --backend cuda
show likeness search f p/rgb_8.png --top 3 --metric l2 --backend cuda
show likeness index model.safetensors p $small --hash mean -o h
show likeness search h p/rgb_8.png --top 3 --backend cuda
LK_FAKE_GPU=no-device show likeness search f p/rgb_8.png --backend cuda
