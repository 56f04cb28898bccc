# What goes wrong with galleries: each fault has its line and its exit code, and what was done is kept.
index() { show likeness index --backend reference --size 32 --segment-rows 10 model.safetensors "$@"; }
mkdir pictures; cp images/{rgb_8.png,grey.jpg} pictures/
mkdir folder; echo mine >folder/notes.txt; echo '{}' >file
index pictures/rgb_8.png -o folder
index pictures/rgb_8.png -o file
index pictures/rgb_8.png -o file/g
index missing.jpg -o none; ls none
show likeness gallery folder
show likeness gallery nowhere
show likeness verify file
show likeness compact folder
show likeness remove nowhere a.jpg
for i in $(seq 40); do echo pictures/rgb_8.png; done >list.txt
index list.txt gone.jpg -o g --strict; ls g/segments
show likeness compact g
likeness gallery g | sed -E 's/[0-9a-f]{64}/SHA-256/'
echo '- damage'
cp -r g cut; truncate -s -1 cut/segments/000002/features.npy
show likeness verify cut
show likeness gallery cut
cp -r g flip; printf 'x' | dd of=flip/segments/000003/rows.jsonl bs=1 seek=20 conv=notrunc status=none
show likeness verify flip 2>&1 | sed -E 's/\b[0-9a-f]{8}\b/CRC-32/g'
cp -r g edit; sed -i 's/"label_dict_en"/"label_dict_fr"/' edit/manifest.json
show likeness verify edit 2>&1 | sed -E 's/\b[0-9a-f]{8}\b/CRC-32/g'
cp -r g later; sed -i 's/"format_version": 1,$/"format_version": 2,/' later/manifest.json
show likeness verify later
cp -r g away; sed -i 's/"path": "[^"]*model/"path": "..\/gone/' away/manifest.json
show likeness add away pictures/grey.jpg
cp model.safetensors other.safetensors; chmod u+w other.safetensors; printf ' ' | dd of=other.safetensors bs=1 seek=1000000 conv=notrunc status=none
show likeness add away --model other.safetensors pictures/grey.jpg 2>&1 | sed -E 's/[0-9a-f]{64}/SHA-256/g'
show likeness add --backend reference away --model model.safetensors pictures/grey.jpg
echo '- compacting looks at what is one segment already'
show likeness index --backend reference --size 32 model.safetensors pictures -o one
for file in features.npy rows.jsonl; do
    cp -r one hurt; printf 'x' | dd of=hurt/segments/000001/$file bs=1 seek=200 conv=notrunc status=none; cp -r hurt before
    show likeness compact hurt 2>&1 | sed -E 's/\b[0-9a-f]{8}\b/CRC-32/g'; diff -r before hurt && echo untouched; rm -r hurt before
done
show likeness compact one
echo '- two writers'
cp -r g two
(flock 9; printf 4711 >&9; show likeness add two pictures/grey.jpg) 9>>two/lock
show likeness remove two pictures/rgb_8.png
echo '- no file may be larger than 100 KiB: no room for a segment of 100 rows'
likeness index --backend reference --size 32 --segment-rows 20 model.safetensors list.txt -o room | tail -n 1
(ulimit -f 100; show likeness index --backend reference --size 32 --segment-rows 100 model.safetensors list.txt -o full)
(ulimit -f 100; show likeness compact room)
find full room -type f | sort
show likeness verify room
echo '- a signal: what was done is kept, and the same command goes on'
for i in $(seq 100); do cat list.txt; done >long.txt
env --default-signal=INT likeness index --threads 2 --backend reference --size 96 model.safetensors long.txt -o signal 2>signal.txt &
for i in $(seq 200); do [ -e signal/segments/new/rows.jsonl ] && [ -s signal/segments/new/rows.jsonl ] && break; sleep 0.02; done
kill -INT $!; wait $! 2>/dev/null; echo "exit $?"
sed -E 's/[0-9]+ of/N of/' signal.txt
likeness gallery signal | grep Unfinished | sed -E 's/[0-9]+ of/N of/'
