# A trace written, read back, compared; the first stage that departs.
trace() { show likeness trace --backend reference --size 32 "$@"; }
trace model.safetensors images/rgb_8.png -o stages
ls stages | wc -l; ls stages | sed -n 1,5p
head -n 27 stages/trace.json | sed -E 's/[0-9a-f]{64}/SHA-256/'
trace stages --compare stages | tail -n 3
trace model.safetensors images/rgb_8.png --fused -o fused; ls fused
trace model.safetensors images/rgb_8.png --fused --compare stages | tail -n 2
trace model.safetensors images/rgb_8.png --compare stages --json | sed -n 1,10p
echo '- another picture, another size, another batch norm'
trace model.safetensors images/cmyk.jpg --compare stages
show likeness trace --backend reference --resize-shorter 40 --crop 36 model.safetensors images/rgb_8.png --compare stages
trace model.safetensors images/rgb_8.png --bn batch --compare stages | grep -e first -e exit
trace model.safetensors images/rgb_8.png --bn batch --compare stages --tolerance 1000 | tail -n 2
echo '- faults'
printf x >>stages/features.0.0.npy; trace stages --compare stages
rm stages/features.0.0.npy; trace fused --compare stages | tail -n 2; trace stages --compare fused | tail -n 2
rm stages/trace.json; trace fused --compare stages
echo '{"stages": [{"name": "a", "file": "../a.npy", "layout": "HWC", "crc32": "0"}]}' >stages/trace.json; trace stages --compare fused
trace model.safetensors images/rgb_8.png --compare missing
trace model.safetensors images/rgb_8.png --compare model.safetensors
trace model.safetensors --compare fused
trace model.safetensors missing.jpg -o made; ls -d made
trace model.safetensors images/rgb_8.png -o model.safetensors
