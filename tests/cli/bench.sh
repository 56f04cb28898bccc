# Times are nobody's golden: digits are hidden, and whether there is an OpenBLAS.
hide() { sed -E -e 's/ +[0-9]+\.[0-9]+/ N/g' -e 's/(: )[0-9.e+-]+/\1N/' -e 's/lk_[a-z0-9_]+/KERNEL/'; }
show likeness bench --backend reference --repeat 2 --size 32 model.safetensors | hide | sed -n '1,3p;/^all/p;$p'
show likeness bench --backend reference --repeat 3 --plain --size 32 --batch 2 --threads 2 model.safetensors | hide | sed -n 1,6p
show likeness bench --repeat 1 --size 32 model.safetensors | grep -c reference
show likeness bench --backend reference --json --repeat 1 --size 32 model.safetensors | hide | sed -n 1,30p
show likeness bench missing.safetensors
