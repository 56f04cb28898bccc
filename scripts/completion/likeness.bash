# bash completion for likeness(1); installed as share/bash-completion/completions/likeness
_likeness() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= options= i
    local input="--size --resize-shorter --crop --mean --std" run="--backend --isa --threads"
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        info | classify | extract | trace | bench) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    # "--bn=ba" reaches us as three words: "--bn", "=", "ba"
    if [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    if [[ $word == = ]]; then word=; fi
    case $before in
    --backend) COMPREPLY=($(compgen -W "auto reference openblas" -- "$word")); return ;;
    --isa) COMPREPLY=($(compgen -W "portable avx2 avx512" -- "$word")); return ;;
    --bn) COMPREPLY=($(compgen -W "running batch" -- "$word")); return ;;
    --feature) COMPREPLY=($(compgen -W "logits pooled" -- "$word")); return ;;
    --study-names) COMPREPLY=($(compgen -W "query gallery" -- "$word")); return ;;
    esac
    case $command in
    "") COMPREPLY=($(compgen -W "info classify extract trace bench --help --version" -- "$word")); return ;;
    info) options="$input --json" ;;
    classify) options="$input $run --top --info --english --json" ;;
    extract) options="$input $run --feature --fuse --weights --part-l2 --project --softmax --l2 --hash --no-sigmoid --hash-scope --keep-raw --bn --batch --map --strict --output --study-names --json" ;;
    trace) options="$input $run --output --compare --tolerance --fused --bn --json" ;;
    bench) options="$input $run --repeat --batch --plain --json" ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options --help --usage --version" -- "$word"))
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -F _likeness likeness
