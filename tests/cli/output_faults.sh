# Standard output that cannot be written, a disk that is full, a run that is killed: no partial file.
likeness info --json model.safetensors >/dev/full; echo "a full disk: exit $?"
likeness classify --backend reference model.safetensors images/rgb_8.png >/dev/full; echo "a full disk: exit $?"
exec 3> >(exec true); sleep 0.3; likeness info model.safetensors >&3; echo "a pipe that nobody reads: exit $?"; exec 3>&-
likeness info model.safetensors >&-; echo "no standard output at all: exit $?"
likeness info --json model.safetensors 2>pipe.txt | head -n 1; rm pipe.txt # whether head still reads when the rest comes is chance
echo '- every word of every command: what argp prints and ends with, tables, JSON'
how=(--size 32 --backend reference)
cp images/rgb_8.png q.png; printf 'q.png\t1\nimages/grey_8.png\t2\n' >set.txt
likeness index "${how[@]}" model.safetensors set.txt -o zoo >/dev/null
likeness extract "${how[@]}" model.safetensors set.txt -o q.npy >/dev/null
told=0
unwritable() { # COMMAND... on a full disk, and into a pipe whose reader has gone: an exit code and one line each
    "$@" >/dev/full 2>full.txt; local full=$?
    exec 3> >(exec true); wait $!; "$@" >&3 2>gone.txt; local gone=$?; exec 3>&-
    if [ $full = 13 ] && [ $gone = 141 ] && [ "$(wc -l <full.txt) $(wc -l <gone.txt)" = '1 1' ] &&
        grep -q '^likeness.*: standard output: cannot write: No space left on device$' full.txt &&
        grep -q '^likeness.*: standard output: cannot write: Broken pipe$' gone.txt; then told=$((told + 1)); return; fi
    echo "$*: exits $full and $gone"; cat full.txt gone.txt
}
unwritable likeness --help
for command in $(likeness --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    for option in --help --usage --version; do unwritable likeness $command $option; done
done
unwritable likeness --usage; unwritable likeness --version
for json in "" --json; do
    unwritable likeness info $json model.safetensors
    unwritable likeness classify $json --backend reference model.safetensors q.png
    unwritable likeness bench $json --backend reference --size 32 --repeat 1 model.safetensors
    unwritable likeness gallery $json zoo
    unwritable likeness verify zoo $json
    unwritable likeness search --backend reference $json zoo q.png
    unwritable likeness search $json zoo q.npy
    unwritable likeness eval --backend reference $json zoo set.txt
done
unwritable likeness search --backend reference --paths-only zoo q.png
unwritable likeness extract --backend reference model.safetensors set.txt -o q.npy
unwritable likeness trace --backend reference model.safetensors q.png -o stages
unwritable likeness trace model.safetensors q.png --compare stages --backend reference
unwritable likeness add zoo q.png
unwritable likeness compact zoo
echo "$told commands say so"
rm -r zoo stages set.txt q.* full.txt gone.txt
for i in $(seq 400); do echo images/rgb_8.png; done >list.txt
echo '- no file may be larger than 64 KiB'
(ulimit -f 64; show likeness extract --backend reference --size 32 model.safetensors list.txt -o out.npy)
(ulimit -f 64; show likeness trace --backend reference model.safetensors images/rgb_8.png -o stages)
ls -A
# More work than the test waits for is ended once a picture is done. A shell starts background jobs deaf to SIGINT.
for i in $(seq 40); do cat list.txt; done >long.txt
for signal in INT TERM HUP KILL; do
    env --default-signal=INT likeness extract --threads 2 --backend reference model.safetensors long.txt -o $signal.npy &
    for i in $(seq 200); do [ -e $signal.partial ] && [ "$(stat -c %s $signal.partial)" -gt 2000 ] && break; sleep 0.05; done
    kill -$signal $!; wait $! 2>/dev/null; echo "$signal: exit $?"
done 2>signals.txt
sed -E 's/: [0-9]+ of/: N of/' signals.txt >&2
ls -A | sed -E 's/[0-9]+-[0-9]+/N/' | sort -u
