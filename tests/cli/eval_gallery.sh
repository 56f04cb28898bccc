# A gallery, and queries that are pictures, features or another gallery.
mkdir set; i=0
for name in rgb_8 grey_8 palette_1 orientation_1 baseline_444 baseline_420 cmyk progressive_420; do
    for kind in png jpg; do
        if [ -e images/$name.$kind ]; then cp images/$name.$kind set/; printf '%s.%s\t%d\n' $name $kind $((i % 2)) >>set/all.txt; i=$((i + 1)); fi
    done
done
chmod u+w set/*; head -n 5 set/all.txt >set/gallery.txt; tail -n +4 set/all.txt >set/query.txt; cat set/gallery.txt; echo; cat set/query.txt
how=(--size 32 --backend reference)
show likeness index "${how[@]}" model.safetensors set/gallery.txt -o zoo
show likeness index "${how[@]}" model.safetensors set/query.txt -o queries
evaluate() { show likeness eval --backend reference -k 1,2 --bootstrap 0 "$@"; }
echo '- pictures, and the same ones from a gallery'
evaluate zoo set/query.txt | tee pictures | sed -n 1,6p
evaluate zoo queries | tail -n +2 >others; diff <(tail -n +2 pictures) others && echo alike
echo '- those that are in the gallery are taken out of their rankings, by path or by what they hold'
evaluate zoo set/query.txt --leave-one-out | sed -n 1,6p
mkdir copy; cp set/* copy; evaluate zoo copy/query.txt --leave-one-out | sed -n 1,6p
cp set/query.txt twice.txt; cp "set/$(head -n 1 set/query.txt | cut -f 1)" set/twin.jpg; cp set/gallery.txt set/more.txt; printf 'twin.jpg\t1\n' >>set/more.txt
show likeness index "${how[@]}" model.safetensors set/more.txt -o doubled
evaluate doubled set/query.txt --leave-one-out | sed -n 1,4p
echo '- features, with the recipe beside them'
likeness extract "${how[@]}" model.safetensors set/query.txt -o q.npy >/dev/null
evaluate zoo q.npy --labels set/query.txt | sed -n '/^metric/,$p' | diff - <(sed -n '/^metric/,$p' pictures) && echo alike
evaluate zoo q.npy
likeness extract --backend reference --size 64 model.safetensors set/query.txt -o q64.npy >/dev/null; evaluate zoo q64.npy --labels set/query.txt
evaluate zoo set/query.txt --feature logits
echo '- options that repeat the recipe; what they do not say is the gallery'\''s'
for again in '--feature pooled' '--size 32' '--mean 0.485,0.456,0.406' '--feature pooled --std 0.229,0.224,0.225'; do
    evaluate zoo set/query.txt $again | tail -n +2 | diff - <(tail -n +2 pictures) && echo alike
done
evaluate zoo set/query.txt --feature pooled --feature logits
evaluate zoo set/query.txt --mean 0.5,0.5,0.5
evaluate zoo q.npy --labels set/query.txt --feature pooled
evaluate zoo queries --size 32
echo '- the floats beside bits, when floats are compared'
likeness index "${how[@]}" model.safetensors set/gallery.txt --hash mean --keep-raw -o both >/dev/null
evaluate both set/query.txt --metric cosine | tail -n +2 | diff - <(tail -n +2 pictures) && echo alike
evaluate both q.npy --labels set/query.txt --metric cosine | sed -n '/^metric/,$p' | diff - <(sed -n '/^metric/,$p' pictures) && echo alike
evaluate both set/query.txt | sed -n 1,2p
likeness eval --backend reference both set/query.txt --protocol study 2>/dev/null | diff - <(likeness eval --backend reference zoo set/query.txt --protocol study 2>/dev/null) && echo alike
echo '- pictures that cannot be read, or have no label'
printf 'set/rgb_8.png\t0\nset/gone.jpg\t1\n' >gone.txt; evaluate zoo gone.txt 2>&1 | sed -n 1,4p; likeness eval --backend reference zoo gone.txt >/dev/null 2>&1; echo "exit $?"
evaluate zoo gone.txt --strict
printf 'set/rgb_8.png\n' >bare.txt; evaluate zoo bare.txt
evaluate missing set/query.txt
echo '- rows that were removed are not ranked'
show likeness remove zoo "set/$(head -n 1 set/gallery.txt | cut -f 1)"; evaluate zoo set/query.txt | sed -n 2p
echo '- stages are timed'
evaluate zoo set/query.txt --timing | sed -n '/^time/,$p' | sed -E 's/[0-9]+\.[0-9]+/TIME/g; s/  +/ /g'
echo '- the study'
evaluate zoo set/query.txt --protocol study 2>/dev/null
