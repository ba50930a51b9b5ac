#!/usr/bin/env bash
# Makes a Wine prefix in which winmm has four MIDI cables, the source and sink of probe.h, and Go
# programs start. In its PATH is a program to compare with, onset-thru.exe (thru.c).
#     prefix.sh DIR        DIR must be empty or not there yet
# After that: WINEPREFIX=DIR wine64 program.exe
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:?usage: prefix.sh DIR}
if [[ -n $(ls -A "$dir" 2>/dev/null) ]]; then
    echo "prefix.sh: $dir is not empty" >&2
    exit 1
fi
mkdir -p "$dir"

export WINEPREFIX WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= # no .NET or browser to be had
PATH=$PATH:/usr/lib/wine # where Debian keeps Wine
WINEPREFIX=$(cd "$dir" && pwd)
unset DISPLAY WAYLAND_DISPLAY
wine=$(command -v wine64 || command -v wine) || { echo "prefix.sh: no Wine here" >&2; exit 1; }

# A file, not a pipe: what Wine leaves running for a while would hold a pipe open.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    "$@" >"$log" 2>&1 </dev/null && return
    echo "prefix.sh: failed: $*" >&2
    cat "$log" >&2
    wineserver -k || true
    exit 1
}

quietly "$wine" wineboot --init

system32=$WINEPREFIX/drive_c/windows/system32
build() { # build FILE ARGUMENTS...
    quietly x86_64-w64-mingw32-gcc -std=c11 -Wall -Wextra -Werror -O2 -o "$system32/$1" "${@:2}"
}
build wineonset.drv -shared "$here"/{cable,fault,probe}.c -lwinmm -lsynchronization -lntdll
build bcryptprimitives.dll -shared "$here/bcryptprimitives.c" -ladvapi32
build onset-thru.exe "$here/thru.c" -lwinmm

quietly "$wine" reg add 'HKCU\Software\Wine\Drivers' /v Audio /t REG_SZ /d onset /f
quietly wineserver -w
