# Folders, pictures, lists and standard input give the same rows; threads and batches do not matter.
extract() { show likeness extract --backend reference --size 64 "$@"; }
mkdir -p tree/b; cp images/rgb_8.png tree/b/2.PNG; cp images/cmyk.jpg tree/b/10.jpg; cp images/grey.jpg tree/a.jpeg
echo text >tree/notes.txt; echo text >tree/.hidden.jpg; cp images/ycck.jpg tree/b/without_ending
extract model.safetensors tree -o folder.npy; cat folder.tsv
extract model.safetensors tree/a.jpeg tree/b/10.jpg tree/b/2.PNG -o pictures.npy; cmp folder.npy pictures.npy
printf 'tree/a.jpeg\ntree/b/10.jpg\t4\n' | extract model.safetensors - tree/b/2.PNG -o stream.npy; cmp folder.npy stream.npy
cat stream.tsv
extract model.safetensors tree/b/without_ending -o content.npy; cat content.tsv
for i in 1 2 3 4 5 6 7 8 9; do cat stream.tsv; done >long.txt
extract model.safetensors long.txt --threads 1 -o one.npy
for threads in 2 3 8 0; do extract model.safetensors long.txt --threads $threads -o many.npy; cmp one.npy many.npy; done
extract model.safetensors long.txt --batch 4 --threads 1 -o batch1.npy
extract model.safetensors long.txt --batch 4 --threads 3 -o batch3.npy; cmp batch1.npy batch3.npy
ls -A | grep -v -e .npy -e .tsv -e .json
