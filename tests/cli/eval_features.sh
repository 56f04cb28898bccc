# Features from files: the table, its parts, and the JSON. Rows are numbers that a shell can write.
value() { # a float32, little-endian
    case $1 in 0) printf '\0\0\0\0' ;; 1) printf '\0\0\200\77' ;; 2) printf '\0\0\0\100' ;; 3) printf '\0\0\100\100' ;; -1) printf '\0\0\200\277' ;; esac
}
npy() { # NAME DTYPE ROWS COLUMNS, then the values on standard input
    printf '\x93NUMPY\x01\0v\0%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': ($3, $4), }" >"$1"; cat >>"$1"
}
floats() { local name=$1 rows=$2 columns=$3; shift 3; for v in "$@"; do value "$v"; done | npy "$name" '<f4' "$rows" "$columns"; }
#        a      b      c      d      e      f       in rising order of angle: a and b are tied, seen from p and q
floats g.npy 6 2  1 0  2 0  3 1  1 1  0 1  -1 1
floats q.npy 4 2  1 0  1 1  -1 0  0 1
printf 'a.jpg\t0\nb.jpg\t1\nc.jpg\t0\nd.jpg\t1\ne.jpg\t2\nf.jpg\t0\n' >g.txt
printf 'p.jpg\t1\nq.jpg\t0\nr.jpg\t7\ne.jpg\t2\n' >q.txt
echo '{"label_dict": {"0": "鼠", "1": "牛", "2": "虎", "7": "马"}}' >info.json
features() { show likeness eval --gallery-features g.npy --gallery-labels g.txt q.npy --labels q.txt "$@"; }
echo '- a query without relevant items, k past the end, a query that is in the gallery'
features --k 1,2,9 --info info.json --per-class --confusion
echo '- the other rules for ties, and intervals that can be had again'
for rule in best worst expected trec; do features -k 1 --bootstrap 0 --ties $rule | grep -e '^m*AP ' -e MRR -e 11; done
features -k 1 --bootstrap 50 --seed 3 | grep -e '^mAP ' -e draws >first; features -k 1 --bootstrap 50 --seed 3 | grep -e '^mAP ' -e draws | cmp - first
echo '- nothing found: left out, or zero'
features -k 1 --bootstrap 0 | grep found; features -k 1 --bootstrap 0 --empty zero | grep found
echo '- leave one out: e.jpg has nobody else of its class'
features -k 1 --bootstrap 0 --leave-one-out | sed -n 1,5p
echo '- the same picture under another name is told of'
sed 's/^e/other/' q.txt >other.txt; likeness eval --gallery-features g.npy --gallery-labels g.txt q.npy --labels other.txt | sed -n 2,4p
echo '- curves'
for kind in rank 11pt threshold; do features -k 1 --bootstrap 0 --curve $kind | sed -n '/^Precision/,$p'; done
echo '- metrics'
for metric in inner l2; do features -k 1 --bootstrap 0 --metric $metric | sed -n '1p;/^mAP /p'; done
echo '- bits'
printf '\360\017\377' | npy gb.npy '|u1' 3 1; printf '\370\007' | npy qb.npy '|u1' 2 1
printf 'a\t0\nb\t1\nc\t0\n' >gb.txt; printf 'p\t0\nq\t1\n' >qb.txt
show likeness eval --gallery-features gb.npy --gallery-labels gb.txt qb.npy --labels qb.txt -k 2 --radius 0,1,3 --curve radius --bootstrap 0 | grep -v -e @2 -e mAP
show likeness eval --gallery-features gb.npy --gallery-labels gb.txt qb.npy --labels qb.txt --bits 1 2>&1
show likeness eval --gallery-features gb.npy --gallery-labels gb.txt gb.npy --labels gb.txt --bits 8 -k 1 --bootstrap 0 | grep -e mAP -e ^-
echo '- for programs'
features -k 2 --bootstrap 10 --json --per-class --confusion --curve 11pt --info info.json
echo '- the study: its line alone'
features --protocol study 2>notes; cat notes
echo '- time is measured, and what it is depends on the machine'
features -k 1 --bootstrap 0 --timing --growth | sed -n '/^time/,$p' | sed -E 's/-?[0-9]+\.[0-9]+(e[-+][0-9]+)?/TIME/g; s/  +/ /g'
features -k 1 --bootstrap 0 --timing --growth --json | grep -A 5 -e '"timing"' -e '"growth"' | sed -E 's/: [0-9.e-]+(,?)$/: N\1/'
