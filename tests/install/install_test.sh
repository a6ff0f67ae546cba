#!/usr/bin/env bash
# install_test.sh CMAKE GENERATOR BUILD_FOLDER PROJECT COMPILER
# Installs the build into a folder of its own, builds PROJECT against it as a stranger would, and runs it.
set -euo pipefail
cmake=$1 generator=$2 build=$3 project=$4 compiler=$5
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }

fail() {
  echo "$1"
  exit 1
}

# What is installed has the names of its functions, and no debug information, whatever it was built with.
library=$(find "$work/prefix" -name 'libdaskify.*' -type f)
for file in "$library" "$work"/prefix/bin/*; do
  ! readelf -S --wide "$file" | grep -q '\.debug_info' || fail "$file has debug information"
done
# Internal headers are kept apart, and those that no program needs are left out.
headers=$work/prefix/include/daskify
[[ $(find "$headers" -mindepth 1 -maxdepth 1 -type d) == "$headers/internal" ]] || fail "folders beside internal/"
[[ -e $headers/daskify.hpp && ! -e $headers/internal/scheduler ]] || fail "other headers than a program needs"
nm -C "$library" 2>/dev/null | grep 'daskify::daskified::start_cluster()' >/dev/null || fail "$library has no function names"

for type in Debug Release; do
  "$cmake" -G "$generator" -S "$project" -B "$work/$type" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE="$type"
  "$cmake" --build "$work/$type"
  "$work/$type/stranger"
done
size=$(stat -c %s "$work/Release/stranger")
((size < 20000000)) || fail "a program takes $size bytes"
