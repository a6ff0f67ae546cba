#!/usr/bin/env bash
# install_test.sh CMAKE GENERATOR BUILD_FOLDER PROJECT COMPILER
# Installs the build into a folder of its own, builds PROJECT against it as a stranger would, and runs it.
set -euo pipefail
cmake=$1 generator=$2 build=$3 project=$4 compiler=$5
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
"$cmake" -G "$generator" -S "$project" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Debug
"$cmake" --build "$work/build"
"$work/build/stranger"
