#!/usr/bin/env bash
# Checks the models with spin. As they are they have to hold; their broken twins have to be rejected, so that it is
# known that the check can fail. One line each: states, and seconds with compiling. Needs spin and gcc, 2 GB, and two to
# three minutes.
#
#   check.sh                                        all
#   check.sh trail MODEL FLAGS...                   how one comes to its error, step by step
#   check.sh trail ring -DTWIN_NO_GATE -DEVENTS=4 -DCALLBACKS=2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp ./*.pml "$scratch"
cd "$scratch"
failed=0

# Has spin search a model; what it says is in the file out. BUSY among the flags: for cycles without progress.
search() { # search OPTIMIZATION MODEL FLAGS...
    local optimization=$1 model=$2 kind=SAFETY how=
    shift 2
    if [[ " $* " == *" -DBUSY "* ]]; then
        kind=NP how=-l
    fi
    rm -f -- *.trail pan
    spin "$@" -a "$model.pml" && gcc "$optimization" -w -D$kind -DMEMLIM=2000 -o pan pan.c &&
        ./pan -m100000 $how
} >out 2>&1

# Spin says this also when it has not been able to search all.
complete() {
    grep -q 'errors: 0' out && ! grep -qE 'out of memory|search depth too small|Search not completed' out
}

# The name of what spin has found not to hold.
broken() {
    sed -n 's/^pan:1: assertion violated (*\([A-Z]*\)||.*/\1/p
        s/^pan:1: non-progress cycle.*/BUSY/p
        s/^pan:1: invalid end state.*/END/p' out
}

run() { # run NAME OPTIMIZATION MODEL FLAGS...
    local name=$1 start=$EPOCHREALTIME
    shift
    search "$@" || true
    local micros=$((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
    printf -v line '%-60s %9d states %3d.%d s' "$name" \
        "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)" $((micros / 1000000)) $((micros / 100000 % 10))
}

holds() { # holds MODEL FLAGS...
    run "$*" -O1 "$@"
    if complete; then
        echo "$line  holds"
    else
        echo "$line  FAILED"
        tail -n 40 out
        failed=1
    fi
}

rejects() { # rejects MODEL TWIN INVARIANT FLAGS...: for that reason, and no other
    local model=$1 twin=$2 invariant=$3
    shift 3
    run "$model $twin" -O0 "$model" "-D$twin" "$@"
    if [[ $(broken) == "$invariant" ]]; then
        echo "$line  rejected: $invariant"
    else
        echo "$line  FAILED: not rejected for $invariant"
        tail -n 40 out
        failed=1
    fi
}

if [[ ${1-} == trail ]]; then
    shift
    search -O0 "$@" || true
    broken
    exec spin "${@:2}" -t -p -g -l "$1.pml"
fi

holds ring -DEVENTS=8
holds ring -DEVENTS=8 -DGAPS=2
holds ring -DEVENTS=8 -DCAPACITY=4 -DBUFFERS=2 -DLONGS=3 -DGAPS=2
holds ring -DEVENTS=4 -DCALLBACKS=2
holds ring -DEVENTS=4 -DSTRANGERS=2
holds ring -DEVENTS=3 -DSTRANGERS=1 -DBUSY
rejects ring TWIN_NO_GATE ORDER -DEVENTS=4 -DCALLBACKS=2
rejects ring TWIN_NO_RESERVE ROOM
rejects ring TWIN_GAP_NEEDS_ONE ROOM -DEVENTS=8
rejects ring TWIN_ENTRY_IN_USE ENTRY -DEVENTS=8 -DGAPS=2
rejects ring TWIN_HEAD_BEFORE_SLOT ORDER
rejects ring TWIN_TAIL_BEFORE_COPY ORDER
rejects ring TWIN_MET_BEFORE_READ EARLY -DEVENTS=8 -DGAPS=2
rejects ring TWIN_COUNT_BEFORE_END STUCK
rejects ring TWIN_SILENCE_UNTOLD SILENT
rejects ring TWIN_SILENCE_IGNORED BUSY -DBUSY
rejects ring TWIN_LOST_TAKES_FIRST STUCK
rejects ring TWIN_LOST_LOOKS_FIRST EARLY
rejects ring TWIN_ABSORB_COUNTS_FIRST STUCK -DSTRANGERS=2
rejects ring TWIN_FOLD_BY_COUNT BUSY -DSTRANGERS=2 -DBUSY

holds park -DRINGS=1 -DITEMS=2 -DCOMMANDS=2
holds park -DRINGS=2 -DITEMS=2
holds park -DRINGS=3 -DITEMS=1 -DPARK
holds park -DRINGS=2 -DITEMS=1 -DPARK -DBUSY
rejects park TWIN_NO_FENCE WOKEN
rejects park TWIN_ARM_WITHOUT_LOCK WOKEN
rejects park TWIN_NO_SECOND_LOOK WOKEN
rejects park TWIN_NEWS_WITHOUT_LOSSES WOKEN
rejects park TWIN_NOTIFY_BEFORE_PUBLISH WOKEN
rejects park TWIN_LOSS_NOT_NOTIFIED WOKEN
rejects park TWIN_CLAIMED_IS_ENOUGH STOPPED
rejects park TWIN_COMMAND_NOT_NOTIFIED WOKEN -DRINGS=1 -DCOMMANDS=2
rejects park TWIN_COMMAND_READ_LAST WOKEN -DRINGS=1 -DCOMMANDS=2
rejects park TWIN_LOSSES_NOT_TOLD BUSY -DPARK -DBUSY

holds close
holds close -DCALLBACKS=1 -DCALLS=3
holds close -DDEADLINES=1
holds close -DSTAYS
holds close -DOPENINGS=2 -DCALLBACKS=1 -DCALLS=2
holds close -DOPENINGS=2 -DCALLBACKS=1 -DCALLS=2 -DDEADLINES=1
rejects close TWIN_SHUT_WITHOUT_WAITING ALIVE -DCALLBACKS=1
rejects close TWIN_LEAVE_BEFORE_WAKING ALIVE -DCALLBACKS=1
rejects close TWIN_CAME_BACK_FIRST ALIVE -DCALLBACKS=1
rejects close TWIN_NO_AWAIT ALIVE -DCALLBACKS=1
rejects close TWIN_KEPT_IS_FREED ALIVE -DCALLBACKS=1 -DDEADLINES=1
rejects close TWIN_SAME_TOKEN OWN -DCALLBACKS=1 -DOPENINGS=2
rejects close TWIN_ABANDONED_IS_RELEASED LEFT -DCALLBACKS=1 -DOPENINGS=2 -DDEADLINES=1
rejects close TWIN_STOP_SEEN_BEFORE_ARM ENDED -DCALLBACKS=1
rejects close TWIN_BELL_WITHOUT_FENCE ENDED -DCALLBACKS=1
rejects close TWIN_BELL_WITHOUT_FENCE HEARD -DCALLBACKS=1 -DSTAYS
rejects close TWIN_FOLD_BY_COUNT IDLE -DOPENINGS=2
rejects close TWIN_RETURN_WHILE_CLOSING OWN -DCALLBACKS=1 -DOPENINGS=2 -DDEADLINES=1
rejects close TWIN_COUNTERS_BEFORE_GATE COUNTED -DCALLBACKS=1 -DOPENINGS=2 -DDEADLINES=1
rejects close TWIN_NOT_SHUT_EARLY LAST -DCALLBACKS=1 -DDEADLINES=1
rejects close TWIN_READ_INTO_LETS_GO ALIVE -DCALLBACKS=1

holds lane -DMESSAGES=1 -DSLOWS=0
holds lane -DCALLBACKS=1 -DGO=2
holds lane -DCALLBACKS=1 -DSLOWS=2 -DCALMS=1
holds lane -DMESSAGES=1 -DGO=0 -DHANGS
holds lane -DCALLBACKS=1 -DCAPACITY=2 -DDROPS
holds lane -DCALLBACKS=1 -DCAPACITY=2 -DDROPS -DGO=2 -DQUEUED
holds lane -DCALLBACKS=1 -DNOW=1
holds lane -DCALLBACKS=1 -DMESSAGES=1 -DGO=2 -DLONGS=1 -DNOW=1
rejects lane TWIN_CLAIM_BY_LOOK ONE -DCALLBACKS=1
rejects lane TWIN_QUEUE_OVERTAKEN ORDER -DCALLBACKS=1 -DGO=2
rejects lane TWIN_COUNTED_WHEN_QUEUED ORDER -DCALLBACKS=1 -DGO=2 -DSLOWS=0
rejects lane TWIN_TURN_BEFORE_ITEM LOST -DCALLBACKS=1
rejects lane TWIN_TAKE_BY_STORE LOST -DCALLBACKS=1 -DGO=2 -DCAPACITY=2 -DDROPS
rejects lane TWIN_CLAIM_BY_STORE WOKEN -DCALLBACKS=1
rejects lane TWIN_GIVE_UP_SILENTLY WOKEN -DCALLBACKS=1
rejects lane TWIN_QUEUED_SILENTLY WOKEN -DCALLBACKS=1
rejects lane TWIN_LOOK_BEFORE_ARM WOKEN -DCALLBACKS=1
rejects lane TWIN_DROPPED_SILENTLY WOKEN -DCALLBACKS=1 -DCAPACITY=2 -DDROPS -DGO=2 -DQUEUED
rejects lane TWIN_REST_QUEUED GROUP -DCALLBACKS=1
rejects lane TWIN_REST_UNCOUNTED LOST -DCALLBACKS=1
rejects lane TWIN_REST_LAST GROUP -DCALLBACKS=1
rejects lane TWIN_PUT_SINGLY GROUP -DCALLBACKS=1
rejects lane TWIN_DROP_SINGLY GROUP -DCALLBACKS=1 -DCAPACITY=2 -DDROPS
rejects lane TWIN_DROP_FROM_THE_MIDST GROUP -DCALLBACKS=1 -DCAPACITY=2 -DDROPS
rejects lane TWIN_NOW_WITHIN GROUP -DCALLBACKS=1 -DNOW=1
rejects lane TWIN_NOW_BEFORE_OTHERS ORDER -DCALLBACKS=1 -DGO=2 -DNOW=1 -DSLOWS=0
rejects lane TWIN_CLAIMANTS_UNCOUNTED LOST -DCALLBACKS=1 -DMESSAGES=1 -DNOW=1
rejects lane TWIN_GONE_READ_LATE LOST -DCALLBACKS=1 -DMESSAGES=1 -DGO=2 -DLONGS=1 -DNOW=1
rejects lane TWIN_STAYS_QUICK SLOW -DCALLBACKS=1 -DGO=0 -DSLOWS=2
rejects lane TWIN_GROUP_SENT_ON SLOW -DCALLBACKS=1 -DGO=0 -DSLOWS=2
rejects lane TWIN_CALLBACK_WAITS STUCK -DMESSAGES=1 -DGO=0 -DHANGS

holds routes -DCALLBACKS=1
holds routes -DTABLES=1
holds routes -DCALLBACKS=1 -DTABLES=1 -DEVENTS=3 -DMOST=1
holds routes -DCALLBACKS=1 -DEVENTS=1 -DNONE
holds routes -DCALLBACKS=1 -DEVENTS=1 -DCLOSES
rejects routes TWIN_FREED_AT_ONCE ALIVE -DCALLBACKS=1 -DEVENTS=1
rejects routes TWIN_ROUTES_BEFORE_GATE ALIVE -DCALLBACKS=1 -DEVENTS=1
rejects routes TWIN_GATE_BY_STORE ALIVE -DCALLBACKS=1 -DEVENTS=1
rejects routes TWIN_PUT_BACK_ALONE FREED -DCALLBACKS=1 -DEVENTS=1 -DTABLES=3
rejects routes TWIN_RETIRED_SILENTLY FREED -DCALLBACKS=1 -DEVENTS=1
rejects routes TWIN_ROUTE_WHILE_CLOSING FREED -DCALLBACKS=1 -DEVENTS=1 -DCLOSES
rejects routes TWIN_ROUTES_READ_TWICE WHOLE -DCALLBACKS=1
rejects routes TWIN_TAG_IN_USE WHOLE -DCALLBACKS=1 -DEVENTS=1 -DTABLES=3 -DTAGS=2
rejects routes TWIN_CALM_OF_OTHERS WHOLE -DCALLBACKS=1
rejects routes TWIN_CALM_WHILE_OLDER EXPECTED -DCALLBACKS=1
rejects routes TWIN_HEAD_BEFORE_OLDER EXPECTED -DCALLBACKS=1
rejects routes TWIN_CALM_WITH_A_LOSS ORDER -DCALLBACKS=1 -DTABLES=1 -DEVENTS=3 -DMOST=1
rejects routes TWIN_ACTIVE_AT_ONCE WHOLE -DCALLBACKS=1
rejects routes TWIN_COME_SINCE ORDER -DCALLBACKS=1 -DTABLES=1
rejects routes TWIN_HURRY_ON ORDER -DCALLBACKS=1 -DTABLES=1 -DEVENTS=3
rejects routes TWIN_NO_GATE ORDER -DTABLES=1
rejects routes TWIN_FREED_SILENTLY BEGUN -DCALLBACKS=1 -DEVENTS=1

exit $failed
