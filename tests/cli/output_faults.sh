# Standard output that cannot be written, a disk that is full, a run that is killed: no partial file.
likeness info --json model.safetensors >/dev/full; echo "a full disk: exit $?"
likeness classify --backend reference model.safetensors images/rgb_8.png >/dev/full; echo "a full disk: exit $?"
exec 3> >(exec true); sleep 0.3; likeness info model.safetensors >&3; echo "a pipe that nobody reads: exit $?"; exec 3>&-
likeness info model.safetensors >&-; echo "no standard output at all: exit $?"
likeness info --json model.safetensors | head -n 1
for i in $(seq 400); do echo images/rgb_8.png; done >list.txt
echo '- no file may be larger than 64 KiB'
(ulimit -f 64; show likeness extract --backend reference --size 32 model.safetensors list.txt -o out.npy)
(ulimit -f 64; show likeness trace --backend reference model.safetensors images/rgb_8.png -o stages)
ls -A
# More work than the test waits for is ended once the outputs are begun. A shell starts background jobs deaf to SIGINT.
for i in $(seq 40); do cat list.txt; done >long.txt
for signal in INT TERM HUP KILL; do
    env --default-signal=INT likeness extract --threads 2 --backend reference model.safetensors long.txt -o $signal.npy &
    for i in $(seq 200); do ls $signal.skipped.tsv.*.tmp >/dev/null 2>&1 && break; sleep 0.05; done
    kill -$signal $!; wait $! 2>/dev/null; echo "$signal: exit $?"
done
ls -A | sed -E 's/[0-9]+-[0-9]+/N/' | sort -u
