#!/usr/bin/env bash
# must_not_compile.sh COMPILER INCLUDE_FOLDER SOURCE [PRECOMPILED_FOLDER]
# Passes when SOURCE does not compile and the compiler says what its first line expects: // expect: REGEX
# PRECOMPILED_FOLDER may have daskify/daskify.hpp.gch.
set -euo pipefail
compiler=$1 include=$2 source=$3 precompiled=${4:-$2}
expected=$(sed -n '1s|^// expect: ||p' "$source")
[ -n "$expected" ] || { echo "$source has no line // expect: REGEX"; exit 1; }
if output=$("$compiler" -std=c++20 -fsyntax-only -I"$precompiled" -I"$include" "$source" 2>&1); then
  echo "$source compiles"
  exit 1
fi
grep -qE -- "$expected" <<<"$output" || { echo "not said: $expected"; head -c 4000 <<<"$output"; exit 1; }
