# Shapes and options of which nothing can be measured.
bench() { show likeness bench "$@"; }
bench
bench --repeat 0 model.safetensors
bench model.safetensors other.safetensors
bench --csv --json model.safetensors
bench --layer pointwise --in 4x4x8 --out 8 model.safetensors
bench --isa mmx --layer pointwise --in 4x4x8 --out 8
bench --backend gpu --layer pointwise --in 4x4x8 --out 8
bench --layer dense --in 4x4x8
bench --layer conv
bench --layer conv --in 4x4x8
bench --in 4x4x8 --out 8
bench --layer conv --in 4x4 --out 8
bench --layer conv --in 0x4x8 --out 8
bench --layer conv --in 4x-4x8 --out 8
bench --layer conv --in 4x4x8x --out 8
bench --layer conv --in 4x4x2000000 --out 8
bench --layer conv --in 4x4x8 --out 0
bench --layer conv --in 4x4x8 --out 8 --kernel 0
bench --layer conv --in 4x4x8 --out 8 --stride 0
bench --layer conv --in 4x4x8 --out 8 --groups 0
bench --layer conv --in 4x4x8 --out 8 --groups 3
bench --layer conv --in 4x4x8 --out 9 --groups 4
bench --layer conv --in 4x4x8 --out 8 --kernel 7 --pad 1
bench --layer conv --in 4x4x8 --out 8 --kernel 3 --pad 3
bench --layer conv --in 4x4x8 --out 8 --activation tanh
bench --layer depthwise --in 4x4x8 --out 16
bench --layer depthwise --in 4x4x8 --groups 2
bench --layer pointwise --in 4x4x8 --out 8 --kernel 3
bench --layer linear --in 4x4x8 --out 8 --stride 2
bench --layer pool --in 4x4x8 --stride 2
bench --layer pool --in 4x4x8 --kernel 5
bench --layer pool --in 4x4x8 --size 64
bench --layer pool --in 4x4x8 --precision bf16
bench --layer conv --in 1048576x1048576x1048576 --out 1048576 --kernel 1048575 --groups 1048576
bench --layer pool --in 1000000x1000000x1000 2>&1 | sed -E 's/[0-9]+ MB/N MB/g;s/with [0-9]+/with N/'
sweep() { printf "$1" >bad.csv; bench --sweep bad.csv; }
sweep ''
sweep 'layer,h,w\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,4,8,8,3,1\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,4,8,8,3,1,1\ndense,4,4,8,8,3,1,1\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,0,8,8,3,1,1\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,,8,8,3,1,1\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,4,8,8,3,1,-1\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,4,8,8,3x,1,1\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,4,8,8,3,1,99999999999999999999999\n'
sweep 'layer,h,w,c,out,kernel,stride,groups\nconv,4,4,8,8,3,1,3\n'
printf 'layer,h,w,c,out,kernel,stride,groups\nconv\0' >bad.csv; bench --sweep bad.csv
bench --sweep missing.csv
bench --sweep bad.csv --pad 1
