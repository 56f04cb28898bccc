# A layer of any shape by all kernels that fit: those that any machine has are shown, without times. Each was checked.
kernels() {
    python3 -c '
import json, sys
document = json.load(sys.stdin)
for shape in document["shapes"]:
    print(shape["shape"], "multiply-adds", shape["kernels"][0]["multiply_adds"])
    for kernel in shape["kernels"]:
        assert kernel["of_bound"] <= 1 and kernel["min_ms"] <= kernel["median_ms"] <= kernel["p95_ms"]
        name = kernel["kernel"]
        if "avx" not in name and "openblas" not in name:
            print("   ", name, kernel["map_bytes"], kernel["weight_bytes"], "off" if kernel["difference"] else "equal")
'
}
layer() { echo "\$ likeness bench --layer $*"; likeness bench --repeat 1 --json --layer "$@" | kernels; }
layer pointwise --in 7x9x24 --out 40
layer pointwise --in 7x9x24 --out 48 --activation relu6 --batch 2
layer pointwise --in 1x1x33 --out 7
layer depthwise --in 9x8x20 --stride 2 --activation relu
layer depthwise --in 9x8x20 --kernel 5
layer depthwise --in 9x8x20 --kernel 7 --pad 0
layer conv --in 33x31x3 --out 8 --stride 2
layer conv --in 10x11x12 --out 18 --kernel 5 --groups 3 --pad 1
layer linear --in 3x3x8 --out 5
layer linear --in 1x1x8 --out 5 --threads 2
layer pool --in 4x5x19
layer pool --in 9x9x3 --kernel 3 --stride 2 --pad 1
echo "kernels that --backend reference leaves:"
likeness bench --repeat 1 --cold --csv --backend reference --layer pointwise --in 4x4x8 --out 8 | cut -d , -f 1,3
printf 'layer,h,w,c,out,kernel,stride,groups\npointwise,5,4,8,16,,,\r\n\ndepthwise,6,6,16,,5,2,16\nconv,8,8,4,4,3,1,2\nlinear,1,1,8,3,1,1,1\npool,4,4,8,,,,\n' >sweep.csv
show likeness bench --repeat 1 --json --sweep sweep.csv | sed '/^[$]/d;/^exit/d' | kernels
show likeness bench --repeat 1 --isa portable --backend native --sweep sweep.csv --svg sweep |
    sed -E 's/ +[0-9.]+.*(, [0-9.]+)$/ FIGURES/;s/: .*/: FIGURES/'
python3 -c '
import xml.etree.ElementTree as tree
text = [e.text for e in tree.parse("sweep-layers.svg").getroot().iter() if e.text]
print([t for t in text if ">" in t and "\n" not in t][:2])'
