# Sourced by scripts/test and .ci/run: runs one stage after another, each with a log under $logs.
# shellcheck shell=bash disable=SC2154

passed=0
failed=()

# stage NAME COMMAND...: prints one line with the time it took, and on failure the end of what it printed. Returns 0 in
# either case. Not to be used within a condition: there `set -e` would not hold in COMMAND, if that is a function.
stage() {
    local name=$1 start=$SECONDS status log
    shift
    log=$logs/${name//[^a-zA-Z0-9]/-}.log
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %4d s  %s\n' $((SECONDS - start)) "$name"
    else
        failed+=("$name")
        tail -n 100 "$log" | sed 's/^/    /'
        printf 'FAILED  %4d s  %s (status %d; all that it printed: %s)\n' $((SECONDS - start)) "$name" $status "$log"
    fi
}

# summary NAME [NOTE]: the last line of the output; ends the script, with status 1 if a stage failed.
summary() {
    local names
    names=$(printf '%s, ' "${failed[@]}")
    if [ ${#failed[@]} = 0 ]; then
        echo "$1: all $passed stages passed${2:-}"
    else
        echo "$1: FAILED: ${names%, } ($passed stages passed)${2:-}"
        exit 1
    fi
    exit 0
}
