# A gallery's life: made, looked at, added to, mended, removed from, compacted, moved.
index() { show likeness index --backend reference --size 32 "$@"; }
mkdir pictures; cp images/{rgb_8.png,grey.jpg,coarse.jpg,cmyk.jpg,palette_4.png} pictures/; chmod u+w pictures/*
echo text >pictures/bad.jpg
printf 'pictures/rgb_8.png\t0\npictures/grey.jpg\t1\npictures/bad.jpg\t1\npictures/coarse.jpg\t2\npictures/gone.jpg\t2\npictures/grey.jpg\t1\n' >list.txt
index model.safetensors list.txt --segment-rows 2 -o set/g
find set -type f | sort | sed 's/failed-.*jsonl/failed-CRC32.jsonl/'
cut -c 1-60 set/g/segments/000001/rows.jsonl
likeness gallery set/g | sed -E 's/[0-9a-f]{64}/SHA-256/'
show likeness gallery --failed set/g
show likeness verify set/g
echo '- the same again does nothing'
index model.safetensors list.txt --segment-rows 2 -o set/g
echo '- another list, another recipe: refused'
index model.safetensors pictures --segment-rows 2 -o set/g
index model.safetensors list.txt --segment-rows 2 -o set/g --l2
index model.safetensors list.txt --segment-rows 2 -o set/g --hash mean
echo '- add: what is new, and only that; changed content takes the place of the old'
cp pictures/cmyk.jpg pictures/rgb_8.png; cp images/restarts.jpg pictures/coarse.jpg
show likeness add --backend reference set/g pictures
show likeness add --backend reference set/g pictures
cp images/progressive_444.jpg pictures/bad.jpg
show likeness add --backend reference set/g --retry-failed
show likeness gallery set/g --failed
cp images/size_1x40.jpg pictures/gone.jpg
show likeness add --backend reference --json set/g --retry-failed
show likeness add --backend reference set/g --retry-failed
echo '- remove, by path from here, by path as the gallery has it, by label, what is missing'
show likeness remove set/g pictures/cmyk.jpg
show likeness remove set/g ../../pictures/grey.jpg --json
show likeness remove set/g --label rat
show likeness remove set/g --label nobody
show likeness remove set/g pictures/grey.jpg
rm pictures/palette_4.png
show likeness remove set/g --missing
show likeness compact set/g
show likeness compact set/g
likeness gallery set/g | sed -E 's/[0-9a-f]{64}/SHA-256/'
ls set/g/segments
echo '- moved as a whole, it is whole'
mkdir elsewhere; cp -rL model.safetensors pictures set elsewhere/; cd elsewhere/set
show likeness verify g --pictures
show likeness add --backend reference g ../pictures
rm ../pictures/bad.jpg; echo more >>../pictures/gone.jpg
show likeness verify g --pictures
for json in '' --json; do likeness info $json g | diff - <(likeness gallery $json g) && echo alike; done
show likeness gallery --json g | sed -E 's/[0-9a-f]{64}/SHA-256/'
