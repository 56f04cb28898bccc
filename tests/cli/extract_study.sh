# The study's file names and progress lines; its result folder is made.
extract() { show likeness extract --backend reference --size 32 "$@"; }
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf 'images/rgb_8.png\t%d\n' $i; done >test.txt
extract model.safetensors test.txt --study-names query -o results/deep/query.npy
extract model.safetensors test.txt --study-names gallery --feature logits -o results/deep/gallery.npy
ls -A results/deep
cd results/deep
cmp query.npy Features_Query_AdaptiveAvgPool2D-6.npy; cmp gallery.npy Features_Gallery_Classify.npy
cd ../..; head -n 10 test.txt >ten.txt
extract model.safetensors ten.txt --study-names query --feature AdaptiveAvgPool2D-6 -o ten.npy
extract model.safetensors test.txt --study-names query --feature features.3 -o no/such/query.npy
ls -A
