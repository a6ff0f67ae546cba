#!/usr/bin/env bash
# leaves_nothing.sh PROGRAM [ARGUMENT...]
# Runs a program that starts clusters; fails when it fails, or when a file or a process of it is left after 5 seconds.
set -euo pipefail
sessions=$(mktemp -d)
trap 'rm -rf -- "$sessions"' EXIT
program=$(realpath -- "$1")
shared_memory=$(ls -A /dev/shm)

DASKIFY_SESSION_DIRECTORY=$sessions "$@"

# What is left, or nothing.
leftovers() {
  ls -A "$sessions"
  [[ $(ls -A /dev/shm) == "$shared_memory" ]] || ls -A /dev/shm
  local process
  for process in /proc/[0-9]*; do
    [[ $(readlink "$process/exe" 2>/dev/null) != "$program" ]] || echo "$process"
  done
}

until=$((SECONDS + 5))
while left=$(leftovers) && [[ $left ]]; do
  ((SECONDS <= until)) || { printf 'Left behind:\n%s\n' "$left" >&2; exit 1; }
  sleep 0.05
done
