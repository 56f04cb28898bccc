# TREC files in and out.
printf 'q1 0 d1 1\nq1 0 d2 0\nq1 0 d9 1\nq2 0 d3 2\nq4 0 d1 1\n' >qrels
printf 'q1 Q0 d1 1 0.5 x\nq1 Q0 d2 2 0.5 x\nq2 Q0 d3 1 0.7 x\nq3 Q0 d3 1 0.7 x\n' >run
trec() { show likeness eval --run "$1" --qrels "$2" "${@:3}"; }
trec run qrels -k 1,2 --ties trec
for rule in index best worst expected trec; do trec run qrels -k 1 --ties $rule --bootstrap 0 | grep '^mAP '; done
trec run qrels -k 1 --json --bootstrap 0 --curve rank | sed -n 1,20p
echo '- what is written is judged alike when it is read'
value() { case $1 in 0) printf '\0\0\0\0' ;; 1) printf '\0\0\200\77' ;; 2) printf '\0\0\0\100' ;; esac; }
floats() { printf '\x93NUMPY\x01\0v\0%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($2), }" >"$1"; for v in "${@:3}"; do value "$v"; done >>"$1"; }
floats g.npy '4, 2'  1 0  0 1  2 1  1 2; printf 'a b.jpg\t0\nb.jpg\t1\n100%%.jpg\t0\n马.jpg\t1\n' >g.txt
floats q.npy '2, 2'  1 1  2 1; printf 'p q.jpg\t0\nb.jpg\t1\n' >q.txt
features() { show likeness eval --gallery-features g.npy --gallery-labels g.txt q.npy --labels q.txt -k 1,2 --bootstrap 0 "$@"; }
features --ties trec --write-run out.run --write-qrels out.qrels --leave-one-out >direct; cat out.run out.qrels
trec out.run out.qrels -k 1,2 --bootstrap 0 --ties trec >again
diff <(grep @ direct) <(grep @ again) && echo alike
features --write-run two.run --depth 2 >/dev/null; cat two.run; ls -A | grep tmp
echo '- faults'
printf 'b.jpg\t0\nb.jpg\t1\nc.jpg\t0\nd.jpg\t1\n' >g.txt; features --write-run two.run | tail -n 1; ls two.run
printf 'q1 Q0 d1 1 0.5\n' >short; trec short qrels; printf 'q1 Q0 d1 1 nan x\n' >nan; trec nan qrels
printf 'q1 0 d1 1\nq1 1 d1 0\n' >twice; trec run twice; : >none; trec none qrels; trec run missing
printf 'z 0 d1 1\n' >strange; trec run strange; printf 'q1 0 d7 0\n' >nobody; trec run nobody --bootstrap 0 -k 1 | sed -n 1,5p
