#!/usr/bin/env bash
# Runs the tests of the C core under AddressSanitizer with UndefinedBehaviorSanitizer, ThreadSanitizer and valgrind,
# and then broken twins of the core, each of which its tool has to catch: so it is known that the tools can. A twin is
# a copy of the sources in which a text that stands there once is replaced. Needs gcc and valgrind, on Linux.
#
#   check.sh           some four minutes on two processors
#   check.sh long      twenty times the work for each tool
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

share=1
[[ ${1-} != long ]] || share=20
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
limit= # seconds for a run

declare -A flags=(
    [asan]="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -include sanitize/jitter.h"
    # It says that it does not know fences. Nothing that is not atomic hangs on one here (README.md).
    [tsan]="-O1 -fsanitize=thread -Wno-tsan -include sanitize/jitter.h"
    [plain]="-O1"
    [litmus]="-O2"
)
declare -A programs=([litmus]="sanitize/litmus.c ring.c wait.c wait_linux.c memory.c thread_linux.c tether.c")
core=(sanitize/{main,ring,sleep,close,send,route}.c)
for source in ../*.c; do
    [[ $source == *_windows.c ]] || core+=("${source#../}")
done
for tool in asan tsan plain; do
    programs[$tool]=${core[*]}
done

# Compiles a tool's files, or those that depend on one that has changed since they were compiled as they are, and links
# them.
build() { # build FOLDER TOOL [CHANGED]
    local name object depends=${3+"(^|[ /])${3//./\\.}( |$)"}
    mkdir -p "$1/objects"
    (cd "$1" && for name in ${programs[$2]}; do
        object=objects/${name//\//-}.o
        if [[ -z $depends ]] || grep -qE "$depends" "$scratch/as-is/$2/${object%.o}.d"; then
            echo "$object $name"
        else
            ln -sf "$scratch/as-is/$2/$object" "$object"
        fi
    done | xargs -r -P "$(nproc)" -L 1 gcc -std=gnu11 -Wall -Wextra -g -pthread -MMD ${flags[$2]} -c -o) &&
        gcc ${flags[$2]% -include*} -pthread -o "$1/program" "$1"/objects/*.o
}

copy() { # copy FOLDER
    mkdir -p "$1/sanitize"
    cp ../*.[ch] "$1"
    cp ./*.[ch] "$1/sanitize"
}

# Runs a program under its tool.
run() { # run FOLDER TOOL ARGUMENTS...
    local program=$1/program tool=$2
    shift 2
    case $tool in
    asan) ASAN_OPTIONS=detect_stack_use_after_return=1 timeout "$limit" "$program" "$@" ;;
    tsan) TSAN_OPTIONS=halt_on_error=1 timeout "$limit" "$program" "$@" ;;
    litmus) timeout "$limit" "$program" "$@" ;;
    plain)
        # Its threads take turns: without fairness a loop that waits for another keeps the turn for long.
        timeout "$limit" valgrind -q --fair-sched=yes --leak-check=full --errors-for-leak-kinds=definite,indirect \
            --error-exitcode=1 --exit-on-first-error=yes "$program" "$@"
        ;;
    esac
}

holds() { # holds TOOL ARGUMENTS...
    local tool=$1 start=$SECONDS
    limit=$((120 * share))
    shift
    copy "$scratch/as-is/$tool"
    build "$scratch/as-is/$tool" "$tool"
    if run "$scratch/as-is/$tool" "$tool" "$@" >"$scratch/out" 2>&1; then
        cat "$scratch/out"
        echo "$tool: clean ($((SECONDS - start)) s)"
    else
        echo "$tool: FAILED ($((SECONDS - start)) s)"
        head -n 200 "$scratch/out"
        failed=1
    fi
}

# What a tool says when it has caught something.
declare -A says=(
    [tsan]='WARNING: ThreadSanitizer: data race'
    [asan]='ERROR: AddressSanitizer: (heap-use-after-free|attempting double-free)'
    [plain]='Conditional jump or move depends on uninitialised value'
    [litmus]=' 1 wake-ups lost'
    [books]='does not hold'
)

catches() { # catches CATCHER ARGUMENT NAME FILE OLD NEW
    local catcher=$1 argument=$2 name=$3 file=$4 old=$5 new=$6 folder="$scratch/twin" tool=$1 text
    local start=$EPOCHREALTIME micros tries
    [[ $catcher != books ]] || tool=asan
    rm -rf "$folder"
    copy "$folder"
    text=$(<"$folder/$file")
    if [[ $text != *"$old"* || ${text#*"$old"} == *"$old"* ]]; then
        echo "$name: FAILED: $file has not once: $old"
        failed=1
        return
    fi
    echo "${text/"$old"/"$new"}" >"$folder/$file"
    build "$folder" "$tool" "$file" >"$scratch/out" 2>&1 || { cat "$scratch/out"; failed=1; return; }
    # Some need an unlucky moment; some hang.
    limit=30
    start=$EPOCHREALTIME
    for tries in 1 2 3 4 5 6 7 8; do
        run "$folder" "$tool" ${argument} >"$scratch/out" 2>&1 && continue
        grep -qE "${says[$catcher]}" "$scratch/out" && break
    done
    micros=$((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
    printf -v micros '%d.%d s' $((micros / 1000000)) $((micros / 100000 % 10))
    if grep -qE "${says[$catcher]}" "$scratch/out"; then
        echo "$name: caught by $catcher ($micros)"
    else
        echo "$name: FAILED: not caught by $catcher ($micros)"
        head -n 40 "$scratch/out"
        failed=1
    fi
}

holds asan $((100 * share))
holds tsan $((20 * share))
holds plain $((2 * share))
holds litmus $((5 * share))

catches tsan "20 ring" "head published relaxed" ring.h \
    'atomic_store_explicit(&ring->head, head + 1, memory_order_release)' \
    'atomic_store_explicit(&ring->head, head + 1, memory_order_relaxed)'
catches tsan "20 ring" "head read relaxed" sanitize/consumer.h \
    'c->end = atomic_load_explicit(&c->ring->head, memory_order_acquire)' \
    'c->end = atomic_load_explicit(&c->ring->head, memory_order_relaxed)'
catches tsan "20 ring" "tail given back relaxed" sanitize/consumer.h \
    'atomic_store_explicit(&c->ring->tail, c->next, memory_order_release)' \
    'atomic_store_explicit(&c->ring->tail, c->next, memory_order_relaxed)'
catches tsan "20 ring" "tail read relaxed" ring.c \
    'ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire)' \
    'ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_relaxed)'
catches tsan "20 close" "gate left relaxed" input.c \
    'atomic_store_explicit(&in->gate, token, memory_order_release)' \
    'atomic_store_explicit(&in->gate, token, memory_order_relaxed)'
catches tsan "20 close" "buffer sent home relaxed" pool.c \
    'atomic_store_explicit(&pool->home_written, written + 1, memory_order_release)' \
    'atomic_store_explicit(&pool->home_written, written + 1, memory_order_relaxed)'
catches tsan "20 send" "queue's cell filled relaxed" queue.c \
    'atomic_store_explicit(&cell->turn, index + i + 1, memory_order_release)' \
    'atomic_store_explicit(&cell->turn, index + i + 1, memory_order_relaxed)'
catches tsan "20 send" "output's claim given up relaxed" output.c \
    'atomic_store(&out->claim, 0)' \
    'atomic_store_explicit(&out->claim, 0, memory_order_relaxed)'
catches tsan "20 close route" "last reference dropped relaxed" memory.h \
    'atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel)' \
    'atomic_fetch_sub_explicit(refs, 1, memory_order_relaxed)'

catches litmus 15 "no fence before the look whether the poller sleeps" wait.h \
    'atomic_thread_fence(memory_order_seq_cst)' '(void)0'
catches litmus 15 "the poller says that it sleeps by a plain store" wait.h \
    'atomic_store(&waiter->state, ONSET_ASLEEP)' \
    'atomic_store_explicit(&waiter->state, ONSET_ASLEEP, memory_order_relaxed)'

catches asan "50 route" "replaced routes freed under a callback" input.c \
    'return !(atomic_load(&in->gate) & ONSET_BUSY)' 'return in'
catches asan "50 route" "routes keep no reference of an output" routes.c \
    'onset_output_hold(outputs[i])' '(void)0'
catches asan "50 close" "gate shut without waiting" input.c \
    'take_gate(in, ONSET_SHUT, false)' 'atomic_store(&in->gate, token_of(in) | ONSET_SHUT)'
catches asan "50 close" "gate not checked" input.c \
    '        queue(in, token, event);
    } else if (kind' \
    '        publish(in, token, event);
    } else if (kind'
catches asan "50 close" "poller woken after leaving the gate" input.c \
    '    onset_claim(in->waiter);
    leave(in, token);' \
    '    leave(in, token);
    onset_claim(in->waiter);'
catches asan "50 close" "input keeps no reference of its ring" input.c 'onset_ring_hold(ring)' '(void)0'

catches plain "1 ring" "memory not zeroed" memory.c 'memset(memory, 0, size)' 'memory'

catches books "50 send" "sent in the midst of what belongs together" output.c \
    'is_left(out) || out->goes_on ||' 'is_left(out) ||'
catches books "50 route" "new routes run before the old ones' events are handled" input.c \
    '            return 0;
        routes->active = true;' \
    '            (void)0;
        routes->active = true;'

exit $failed
