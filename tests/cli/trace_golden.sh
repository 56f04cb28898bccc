# A golden of NumPy's: NCHW, a batch of one, Paddle's other names for stages.
cp "$(dirname "$(readlink -f model.safetensors)")"/numpy/stored.npz .
show likeness trace --size 32 --backend reference model.safetensors images/rgb_8.png --compare stored.npz
