# Times are nobody's golden: digits are hidden, and which level of memory a layer is judged by.
hide() {
    sed -E -e 's/ +-?[0-9]+\.[0-9]+%?/ N/g' -e 's/(: )(null|[0-9.e+-]+)/\1N/' -e 's/lk_[a-z0-9_]+/KERNEL/' \
        -e 's/ (L2|L3|memory) +(FLOPs|L2|L3|memory|-) +(N|-)( +-)?/ LEVEL LIMIT N/' -e 's/ N +- +(N|-)/ N N N/' \
        -e 's/"(L2|L3|memory|FLOPs)"/"LEVEL"/' -e 's/ from L3, N//' -e 's/\. The system.*/./'
}
show likeness bench --backend reference --repeat 2 --size 32 model.safetensors | hide | sed -n '1,3p;/^all/,$p'
show likeness bench --backend reference --repeat 3 --plain --size 32 --batch 2 --threads 2 --cold model.safetensors | hide | sed -n 1,6p
# An expansion and its depthwise layer are one step, and a backend that keeps them apart stands below it.
show likeness bench --backend native --backend reference --repeat 1 --size 32 model.safetensors | hide | sed -n '/^features.2.conv.0.2 +/,/^features.2.conv.3/p'
show likeness bench --repeat 1 --size 32 model.safetensors | grep -c native
show likeness bench --backend reference --json --repeat 1 --size 32 model.safetensors | hide | sed -n 1,55p
show likeness bench --precision bf16 --repeat 1 --size 32 model.safetensors | grep -c openblas
likeness bench --backend native --json --repeat 1 --size 32 model.safetensors >native.json
python3 - <<'EOF'
import json
steps = json.load(open("native.json"))["backends"][0]["steps"]
fused = next(s for s in steps if len(s["layers"]) > 1)
print(len(steps), "steps,", sum(len(s["layers"]) for s in steps), "layers;", fused["layers"], fused["name"], fused["multiply_adds"])
assert all({"name", "kernel", "min_ms"} <= s.keys() for s in steps)
EOF
show likeness bench --backend reference --csv --svg picture --repeat 1 --size 32 model.safetensors >all.csv
sed -n 2p all.csv
python3 - <<'EOF'
import csv, xml.etree.ElementTree as tree
rows = list(csv.DictReader(line for line in open("all.csv") if line[0] not in "$" and not line.startswith("exit")))
print(len(rows), rows[0]["layers"], rows[-1]["layers"], rows[0]["multiply_adds"])
for name in ("roofline", "layers"):
    root = tree.parse(f"picture-{name}.svg").getroot()
    kinds = [e.tag.split("}")[1] for e in root.iter()]
    print(name, "circles", kinds.count("circle"), "titles", kinds.count("title"))
EOF
show likeness bench missing.safetensors
show likeness bench --repeat 1 --size 32 --svg missing/picture model.safetensors | tail -n 1
