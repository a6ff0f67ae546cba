#!/usr/bin/env bash
# leaves_nothing.sh PROGRAM [ARGUMENT...]
# Runs a program that starts clusters; fails when it fails, or when it leaves a file or a process behind.
set -euo pipefail
sessions=$(mktemp -d)
trap 'rm -rf -- "$sessions"' EXIT
shared_memory=$(ls -A /dev/shm)

DASKIFY_SESSION_DIRECTORY=$sessions "$@"

left=$(ls -A "$sessions")
[[ -z $left ]] || { echo "Left in the session directory: $left" >&2; exit 1; }
[[ $(ls -A /dev/shm) == "$shared_memory" ]] || { echo "Left in /dev/shm: $(ls -A /dev/shm)" >&2; exit 1; }
program=$(realpath -- "$1")
for process in /proc/[0-9]*; do
  [[ $(readlink "$process/exe" 2>/dev/null) != "$program" ]] || { echo "Left running: $process" >&2; exit 1; }
done
