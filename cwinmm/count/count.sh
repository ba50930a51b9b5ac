#!/usr/bin/env bash
# Counts the instructions of a callback that delivers a short message to a poller that is awake, and
# fails if they have become more. Reading the clock is 4 of them. Needs gcc and valgrind, on x86-64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

most=55 # with Debian 12's gcc

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sources=(../*.c)
for i in "${!sources[@]}"; do
    [[ ${sources[i]} != *_windows.c ]] || unset "sources[i]"
done
gcc -std=gnu11 -O2 -g -pthread -o "$scratch/count" count.c "${sources[@]}" # -O2 -g is cgo's default
valgrind --tool=callgrind --toggle-collect=callback --callgrind-out-file="$scratch/out" \
    "$scratch/count" 2>"$scratch/log" || { cat "$scratch/log"; exit 1; }
all=$(sed -n 's/^summary: //p' "$scratch/out")
count=$((all / 1000)) # callbacks; the rest is of opening
echo "a callback takes $count instructions; at most $most"
((count > 0 && count <= most))

# The direct lane's tables, without the send: the same for any number of mappings.
most=60
for mappings in 10 10000; do
    valgrind --tool=callgrind --toggle-collect=onset_routes_send --toggle-collect=onset_output_route --callgrind-out-file="$scratch/out" \
        "$scratch/count" $mappings 2>"$scratch/log" || { cat "$scratch/log"; exit 1; }
    count=$(($(sed -n 's/^summary: //p' "$scratch/out") / 1000))
    echo "routing a message by $mappings mappings takes $count; at most $most"
    ((count > 0 && count <= most))
done
