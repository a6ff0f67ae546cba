#!/usr/bin/env bash
# must_not_compile.sh COMPILER INCLUDE_FOLDER SOURCE
# Passes when SOURCE does not compile and the compiler says what its first line expects: // expect: REGEX
set -euo pipefail
compiler=$1 include=$2 source=$3
expected=$(sed -n '1s|^// expect: ||p' "$source")
[ -n "$expected" ] || { echo "$source has no line // expect: REGEX"; exit 1; }
if output=$("$compiler" -std=c++20 -fsyntax-only -I"$include" "$source" 2>&1); then
  echo "$source compiles"
  exit 1
fi
grep -qE -- "$expected" <<<"$output" || { echo "not said: $expected"; head -c 4000 <<<"$output"; exit 1; }
