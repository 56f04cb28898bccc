# Each fault has one line, an exit code, and leaves no file.
extract() { show likeness extract --backend reference --size 32 "$@"; ls -A | grep -e out -e made -e tmp; }
: >empty.jpg; : >empty.txt; printf '\n\n' >blank.txt; echo text >text.png; mkdir folder; echo text >folder/notes.txt
head -c 300 images/baseline_420.jpg >cut.jpg
# a PNG of 60,000 x 60,000 pixels in a few bytes, and a JPEG that claims as many
printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0\x0f\xb0\xe2\x15\0\0\0\x10IDAT0123456789abcdefcrc.\0\0\0\0IEND\xae\x42\x60\x82' >lie.png
cp images/baseline_420.jpg lie.jpg; chmod u+w lie.jpg
at=$(LC_ALL=C grep -obUaP '\xff\xc0' lie.jpg | head -n 1 | cut -d: -f1)
printf '\xea\x60\xea\x60' | dd of=lie.jpg bs=1 seek=$((at + 5)) conv=notrunc status=none
printf 'a.jpg\tcat\n' >label.txt
extract model.safetensors images/rgb_8.png empty.jpg cut.jpg -o out.npy --strict
extract model.safetensors empty.jpg cut.jpg text.png lie.png lie.jpg missing/gone.jpg -o out.npy 2>&1
extract model.safetensors empty.jpg -o made/deep/out.npy 2>&1
extract model.safetensors empty.txt -o out.npy
extract model.safetensors blank.txt -o out.npy
extract model.safetensors - -o out.npy
extract model.safetensors folder -o out.npy
extract model.safetensors missing.txt -o out.npy
extract model.safetensors label.txt -o out.npy
extract model.safetensors model.safetensors -o out.npy
extract missing.safetensors images/rgb_8.png -o out.npy
extract model.safetensors images/rgb_8.png -o empty.txt/out.npy
extract model.safetensors images/rgb_8.png -o /dev/null/out.npy
mkdir folder.npy; extract model.safetensors images/rgb_8.png -o folder.npy
extract model.safetensors images/rgb_8.png -o out.npy --feature features.99
extract model.safetensors images/rgb_8.png -o out.npy --bn batch --batch 2
extract model.safetensors images/rgb_8.png -o out.npy --isa quantum
show likeness extract --backend openblas model.safetensors images/rgb_8.png -o out.npy --bn batch; ls -A | grep out
