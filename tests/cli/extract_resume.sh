# An extraction that was ended goes on where it was, if it is the same one; else it begins anew and says why. tests/kill has more
# of it, at every step.
mkdir set; cp images/{rgb_8.png,grey_8.png,cmyk.jpg} set/; echo text >set/bad.jpg
for i in $(seq 300); do printf 'set/rgb_8.png\t0\nset/cmyk.jpg\t1\nset/bad.jpg\t2\nset/grey_8.png\t3\n'; done >list.txt
head -n 6 list.txt >short.txt
extract() { likeness extract --size 32 --backend reference model.safetensors "$@"; }
extract list.txt -o whole/f.npy 2>/dev/null
end_early() { # OPTION...: killed once some pictures are done
    likeness extract --size 32 --backend reference model.safetensors "$@" -o part/f.npy 2>/dev/null & local pid=$!
    for i in $(seq 400); do [ -e part/f.partial ] && [ "$(stat -c %s part/f.partial)" -gt 20000 ] && break; sleep 0.01; done
    kill -KILL $pid; wait $pid 2>/dev/null
}
told() { sed -E 's/: [0-9]+ of/: N of/' | sort | uniq; }
files() { (cd part && ls) | sed -E 's/\.[0-9]+-[0-9]+\.tmp/.PROCESS.tmp/'; }
echo '- killed'
end_early list.txt
files
echo '- the same again: the same bytes, and nothing left over; whatever batch and threads'
extract list.txt -o part/f.npy --batch 3 --threads 2 2>&1 | told
diff -r whole part && files
echo '- another list, another feature, another backend, another picture of that name'
end_early list.txt; extract short.txt -o part/f.npy 2>&1 | told
end_early list.txt; extract list.txt -o part/f.npy --feature logits 2>&1 | told
end_early list.txt; extract list.txt -o part/f.npy --isa portable 2>&1 | told
end_early list.txt; cp images/cmyk.jpg set/bad.jpg; extract list.txt -o part/f.npy 2>&1 | told
echo '- with --strict a bad picture is not done'
echo text >set/bad.jpg; extract short.txt -o strict/f.npy --strict; echo "exit $?"; ls strict
extract short.txt -o strict/f.npy --strict; echo "exit $?"
extract short.txt -o strict/f.npy; echo "exit $?"; ls strict
echo '- a file of that name that is none of ours; a torn one; one with a flipped bit'
mkdir odd; for mine in 'mine\n' 'mine' 'likeness\n'; do printf "$mine" >odd/f.partial; extract short.txt -o odd/f.npy; echo "exit $?"; cat odd/*; done
printf 'likeness-extraction 1 1280 ab' >odd/f.partial; extract short.txt -o odd/f.npy; echo "exit $?"; ls odd
mkdir odd/g.partial; extract short.txt -o odd/g.npy; echo "exit $?"; rmdir odd/g.partial
end_early list.txt; truncate -s -7 part/f.partial; extract list.txt -o part/f.npy 2>&1 | told; diff -r whole part && echo alike
end_early list.txt; printf '\377' | dd of=part/f.partial bs=1 seek=9000 conv=notrunc status=none; extract list.txt -o part/f.npy 2>&1 | told
diff -r whole part && echo alike
echo '- cut anywhere, and with a bit flipped anywhere behind the first line'
extract short.txt -o cut/f.npy 2>/dev/null; mv cut good
extract short.txt -o cut/f.npy --strict 2>/dev/null; mv cut/f.partial kept
size=$(stat -c %s kept) runs=0
harmed() { runs=$((runs + 1)); extract short.txt -o cut/f.npy >/dev/null 2>&1; diff -r good cut || echo "$1"; rm -r cut/*; }
for at in $(seq 0 397 "$size") $((size - 1)); do head -c "$at" kept >cut/f.partial; harmed "cut at $at"; done
for at in $(seq 200 431 $((size - 1))); do
    cp kept cut/f.partial; printf '\125' | dd of=cut/f.partial bs=1 seek="$at" conv=notrunc status=none; harmed "another byte at $at"
done
[ $runs -gt 40 ] && echo "more than 40 files"
