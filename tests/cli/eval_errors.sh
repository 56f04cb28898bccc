# Each fault has one line that names the file and what is wrong with it, and an exit code.
value() { case $1 in 0) printf '\0\0\0\0' ;; 1) printf '\0\0\200\77' ;; nan) printf '\0\0\300\177' ;; esac; }
npy() { printf '\x93NUMPY\x01\0v\0%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': ($3), }" >"$1"; cat >>"$1"; }
floats() { local name=$1 shape=$2; shift 2; for v in "$@"; do value "$v"; done | npy "$name" '<f4' "$shape"; }
floats g.npy '3, 2'  1 0  0 1  1 1; printf 'a.jpg\t0\nb.jpg\t1\nc.jpg\t0\n' >g.txt
floats q.npy '1, 2'  1 0; printf 'q.jpg\t0\n' >q.txt
features() { show likeness eval --gallery-features "$1" --gallery-labels "$2" "$3" --labels "$4" "${@:5}"; }
floats wide.npy '1, 3'  1 0 1; features g.npy g.txt wide.npy q.txt
floats nan.npy '1, 2'  nan 0; features g.npy g.txt nan.npy q.txt
floats zero.npy '1, 2'  0 0; features g.npy g.txt zero.npy q.txt; features zero.npy q.txt q.npy q.txt
features zero.npy q.txt q.npy q.txt --metric inner --bootstrap 0 -k 1 | tail -n 1
floats flat.npy '2,'  1 0; features g.npy g.txt flat.npy q.txt
floats none.npy '0, 2'; features g.npy g.txt none.npy q.txt
printf '\1' | npy bits.npy '|u1' '1, 1'; features g.npy g.txt bits.npy q.txt; features g.npy g.txt q.npy q.txt --metric hamming
features bits.npy q.txt bits.npy q.txt --bits 9; features bits.npy q.txt bits.npy q.txt --metric cosine
features g.npy q.txt q.npy q.txt; features g.npy missing.txt q.npy q.txt; features missing.npy g.txt q.npy q.txt
printf 'q.jpg\n' >bare.txt; features g.npy g.txt q.npy bare.txt
printf 'q.jpg\tcat\n' >word.txt; features g.npy g.txt q.npy word.txt
echo '{"label_dict": {"0": "rat"}}' >info.json; features g.npy g.txt q.npy q.txt --info info.json
printf 'q.jpg\t-4\n' >minus.txt; features q.npy q.txt q.npy minus.txt --info info.json
echo '{"label_dict": 3}' >bad.json; features g.npy g.txt q.npy q.txt --info bad.json
features q.npy q.txt q.npy q.txt --protocol study
features g.npy g.txt q.npy q.txt --curve radius
features g.npy g.txt q.npy q.txt --write-run missing/a.run
echo '- no query has a relevant item'
printf 'q.jpg\t5\n' >alone.txt; features g.npy g.txt q.npy alone.txt -k 1 --curve rank | sed -n 1,5p
echo '- usage'
show likeness eval; show likeness eval zoo; show likeness eval zoo list other
show likeness eval zoo list; show likeness eval q.npy q.txt
show likeness eval --gallery-features g.npy q.npy; show likeness eval --gallery-features g.npy --gallery-labels g.txt q.npy
show likeness eval --gallery-features g.npy --gallery-labels g.txt a b
show likeness eval --run a; show likeness eval --run a --qrels b zoo; show likeness eval --run a --qrels b --per-class
features g.npy g.txt q.npy q.txt -k 0; features g.npy g.txt q.npy q.txt -k 1,,2; features g.npy g.txt q.npy q.txt --ties none
features g.npy g.txt q.npy q.txt --ties best --protocol study; features g.npy g.txt q.npy q.txt --json --protocol study
features g.npy g.txt q.npy q.txt --ties expected --curve 11pt; features g.npy g.txt q.npy q.txt --protocol other
features g.npy g.txt q.npy q.txt --bootstrap many; features g.npy g.txt q.npy q.txt --radius 2,x; features g.npy g.txt q.npy q.txt --metric dot
features g.npy g.txt q.npy q.txt --map nothing; features g.npy g.txt q.npy q.txt --l2
