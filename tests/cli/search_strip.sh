# search --strip and --html: what the files are, their sizes, and the colours of right and wrong, read by look_at.py with
# nothing of Likeness's. Letters are left alone: their pixels are the fonts'.
look() { python3 "$(dirname "$0")/look_at.py" "$@"; }
mkdir set
i=0
for name in rgb_8.png grey_8.png baseline_444.jpg cmyk.jpg palette_1.png progressive_420.jpg; do
    cp images/$name set/; printf '%s\t%d\n' $name $((i % 3)) >>set/list.txt; i=$((i + 1))
done
cat set/list.txt
likeness index --size 32 --backend reference model.safetensors set/list.txt -o zoo >/dev/null
printf 'set/cmyk.jpg\t0\n' >query.txt
search() { show likeness search --backend reference zoo "$@"; }
echo '- right and wrong by the labels of query and hits'
search query.txt -k 3 --strip out.png
look out.png
search query.txt -k 6 --strip out.PNG | tail -n 1
look out.PNG
echo '- JPEG, under both of its endings: the same picture; its colours as the decoder of trace sees them'
for name in out.jpg out.jpeg; do
    search query.txt -k 3 --strip $name | tail -n 1
    likeness trace --backend reference model.safetensors $name -o seen.$name >/dev/null
    look $name seen.$name/decoded_rgb_u8.npy
done
cmp out.jpg out.jpeg
echo '- a query without a label is not judged; no hits are a strip too; a query that is a row of features'
search set/cmyk.jpg -k 1 --strip bare.png | tail -n 1
look bare.png
search query.txt --threshold 2 --strip none.png
look none.png
likeness extract --size 32 --backend reference model.safetensors set/cmyk.jpg -o q.npy >/dev/null
search q.npy -k 1 --strip features.png
look features.png
echo '- bits, and a folder that is not there'
likeness index --size 32 --backend reference model.safetensors set/list.txt --hash mean -o bits >/dev/null
show likeness search --backend reference bits query.txt -k 2 --strip bits.png
look bits.png
search query.txt -k 3 --strip gone/out.png
echo '- all queries in one page'
search set/list.txt -k 2 --html all.html | tail -n 1
look all.html
mkdir odd; cp set/rgb_8.png 'odd/<&".png'; search 'odd/<&".png' -k 1 --html odd.html | tail -n 1
look odd.html; grep -c 'alt="odd/&lt;&amp;&quot;.png"' odd.html
search q.npy -k 1 --html features.html | tail -n 1
look features.html
echo '- a hit whose picture is gone: its tile says so, and so does a line'
mv set/grey_8.png set/away; search query.txt -k 5 --strip lost.png --html lost.html | tail -n 1
look lost.png; look lost.html
mv set/away set/grey_8.png
echo '- what cannot be done'
search query.txt --strip out.gif
search query.txt --strip out
search set/list.txt --strip two.png | tail -n 1
search query.txt -k 1 --html gone/all.html
mkdir taken.png taken.html; search query.txt -k 1 --strip taken.png; search query.txt -k 1 --html taken.html
mkfifo pipe.png pipe.html; search query.txt -k 1 --strip pipe.png; search query.txt -k 1 --html pipe.html; ls -F | grep pipe
(ulimit -f 12; search query.txt -k 6 --strip full.png; search query.txt -k 6 --strip full.jpg; search query.txt -k 6 --html full.html)
echo '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>/nowhere</dir></fontconfig>' >fonts.conf
(export FONTCONFIG_FILE=$PWD/fonts.conf; search query.txt -k 1 --strip fonts.png; search query.txt -k 1 --html fonts.html)
ls
