#!/usr/bin/env bash
# Builds the tests for Windows and runs them under Wine, through the real winmm.dll, in a fresh prefix
# with the ports of cable.c and probe.c, and onset.exe in its PATH. Arguments go to go test; without
# any: all packages.
#     cwinmm/wine/test.sh [-race] [-run NAME] [PACKAGE...]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
if [[ $# -eq 0 ]]; then
    set -- ./...
fi

scratch=$(mktemp -d)
export WINEPREFIX=$scratch/prefix WINEDEBUG=-all
PATH=$PATH:/usr/lib/wine # where Debian keeps Wine
unset DISPLAY WAYLAND_DISPLAY
end() {
    wineserver -k || true # this prefix's only
    rm -rf "$scratch"
}
"$here/prefix.sh" "$WINEPREFIX"
trap end EXIT

wine=$(command -v wine64 || command -v wine)
export GOOS=windows GOARCH=amd64 CGO_ENABLED=1 CC=x86_64-w64-mingw32-gcc
go build -o "$WINEPREFIX/drive_c/windows/system32/onset.exe" ./cmd/onset
go test -p 1 -tags winmm,wine -exec "$wine" "$@" # -p 1: a port is for one process at a time
