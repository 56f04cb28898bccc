# bash completion for likeness(1); installed as share/bash-completion/completions/likeness
_likeness() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= options= words= i
    local commands="info classify extract trace bench index add remove compact verify gallery search eval"
    local input="--size --resize-shorter --crop --mean --std --fast-decode" run="--backend --precision --isa --device --tf32 --threads"
    local feature="--feature --fuse --weights --part-l2 --project --softmax --l2 --hash --no-sigmoid --hash-scope --keep-raw --bn"
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ " $commands " == *" ${COMP_WORDS[i]} "* ]]; then command=${COMP_WORDS[i]}; break; fi
    done
    # "--bn=ba" reaches us as three words: "--bn", "=", "ba"
    if [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    if [[ $word == = ]]; then word=; fi
    case $before in
    --backend) words="auto cuda native openblas reference" ;;
    --precision) words="f32 bf16 int8 f16" ;;
    --isa) words="portable avx2 avxvnni avx512 avx512vnni avx512vpopcntdq avx512bf16 neon neondot" ;;
    --bn) words="running batch" ;;
    --feature) words="logits pooled" ;;
    --fuse) words="series parallel" ;;
    --hash) words="mean median" ;;
    --hash-scope) words="image matrix" ;;
    --study-names) words="query gallery" ;;
    --metric) words="cosine inner l2 hamming" ;;
    --filter) words="label=" ;;
    --ties) words="index best worst expected trec" ;;
    --empty) words="skip zero" ;;
    --curve) words="rank radius 11pt threshold" ;;
    --protocol) words="study" ;;
    --layer) words="pointwise depthwise conv linear pool" ;;
    --activation) words="none relu relu6" ;;
    esac
    if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); return; fi
    case $command in
    "") COMPREPLY=($(compgen -W "$commands --help --usage --version" -- "$word")); return ;;
    info) options="$input --json" ;;
    classify) options="$input $run --top --info --english --json" ;;
    extract) options="$feature $input $run --batch --map --strict --output --study-names --json" ;;
    trace) options="$input $run --output --compare --tolerance --fused --bn --json" ;;
    bench) options="$input $run --repeat --batch --plain --cold --csv --json --svg --layer --in --out --kernel --stride --groups --pad --activation --sweep" ;;
    index) options="$feature $input $run --batch --map --strict --features --labels --bits --output --labels-info --segment-rows --json" ;;
    add) options="$run --batch --retry-failed --duplicates --map --strict --model --json" ;;
    remove) options="--label --missing --json" ;;
    compact) options="--json" ;;
    verify) options="--pictures --json" ;;
    gallery) options="--failed --json" ;;
    search) options="$feature $input $run --batch --top --metric --threshold --filter --exclude-self --join --random --seed --model --map --strict --json --paths-only --null --strip --html --copy-to" ;;
    eval) options="$feature $input $run --batch --labels --gallery-features --gallery-labels --map --info --run --qrels --model --strict --metric --bits --k --radius --ties --empty --leave-one-out --protocol --bootstrap --seed --per-class --confusion --curve --timing --growth --json --write-run --write-qrels --depth" ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options --help --usage --version" -- "$word"))
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -F _likeness likeness
