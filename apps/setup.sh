#!/bin/bash
# Sourced by apps/quickstart and tests/run: packages, configuration and build, a line on the screen for each.
# Writes into the build folder only; what is missing comes from apt.

packages=(g++ cmake ninja-build libcaf-dev libboost-program-options-dev libxxhash-dev libgtest-dev libgmock-dev)
by_hand="g++ 12, CMake 3.25, Ninja, CAF 0.17, Boost.Program_options 1.74, xxHash 0.8 and GoogleTest 1.12"
oldest_gcc=12
kib_per_job=$((1024 * 1024))

set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_dir=$source_dir/build
again="bash $(printf '%q' "$0")"
advice=

# set_up [-B FOLDER] [-DOPTION=VALUE...] [TARGET...]: the targets, or everything, end up in build/ or FOLDER.
set_up() {
  local options=() targets=()
  while (($#)); do
    case $1 in
      -B) build_dir=$(realpath -m -- "${2:?needs a folder}"); shift ;;
      -D*) options+=("$1") ;;
      *) targets+=("$1") ;;
    esac
    shift
  done
  log=$build_dir/setup.log
  { mkdir -p "$build_dir" && : >"$log"; } ||
    stop "Nothing can be written into $build_dir: make it yours, or use another copy of this folder."
  install_packages
  configure "${options[@]}"
  build "${targets[@]}"
}

install_packages() {
  if ! have apt-get dpkg-query; then
    advice="There is no apt here: install $by_hand by hand, then do this again: $again"
    echo "Packages ... no apt here, going on with what is installed"
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0

  local line="apt-get install -y --no-install-recommends ${missing[*]}"
  if ((EUID != 0)); then
    if ! sudo -n env true 2>/dev/null; then
      local sudo=
      ! have sudo || sudo="sudo "
      advice="Only root can install what is missing. Give this line to the administrator, then do this again: $again
  ${sudo}apt-get update && $sudo$line"
      # They may be there all the same, from other sources than apt.
      have cmake ninja "${CXX:-c++}" || stop "$advice"
      echo "Packages ... may not install $(few "${missing[@]}"), going on"
      return
    fi
    as_root=(sudo -n)
  fi
  local apt=("${as_root[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  local install=(step "Installing $(few "${missing[@]}")" "${apt[@]}" install -y --no-install-recommends "${missing[@]}")
  local update=(step "Updating apt's lists" "${apt[@]}" update)
  if "${apt[@]}" install --simulate "${missing[@]}" >/dev/null 2>&1; then
    # Lists that are too old name files that are gone.
    "${install[@]}" || { "${update[@]}" || true; "${install[@]}"; } || fail
  else
    # A list of somebody else's that can't be had is no obstacle.
    "${update[@]}" || true
    "${install[@]}" || fail
  fi
}

missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -qxF "$package installed" <<<"$installed" || echo "$package"
  done
}

# The first names of a list, and how many more there are.
few() {
  local shown=3
  if (($# <= shown + 1)); then
    echo "$*"
  else
    echo "${*:1:shown} and $(($# - shown)) more"
  fi
}

have() {
  local program
  for program; do
    command -v "$program" >/dev/null || return
  done
}

configure() {
  step "Configuring" env LC_ALL=C cmake -S "$source_dir" -B "$build_dir" -G Ninja "$@" || fail
  local compiler gcc
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build_dir/CMakeCache.txt")
  gcc=$("$compiler" -E -P -x c++ - <<<$'#ifndef __clang__\n__GNUC__\n#endif')
  if [[ $gcc ]] && ((gcc < oldest_gcc)); then
    rm "$build_dir/CMakeCache.txt"
    stop "$compiler is g++ $gcc, and daskify needs $oldest_gcc or newer (Debian 12 has it)." \
         "If there is another one, name it: CXX=g++-$oldest_gcc $again"
  fi
}

build() {
  local jobs target=()
  jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(job_count)}
  (($#)) && target=(--target "$@")
  step "Building, $jobs at a time" env LC_ALL=C cmake --build "$build_dir" -j "$jobs" "${target[@]}" || fail
}

# As many as there are CPUs, and memory for the compiler.
job_count() {
  local cpus fit
  cpus=$(nproc)
  fit=$(awk -v each="$kib_per_job" '/^MemAvailable:/ { print int($2 / each) }' /proc/meminfo)
  echo $((fit < 1 ? 1 : fit < cpus ? fit : cpus))
}

# step TEXT COMMAND...: says what is done and how long it took; the command's output goes into the log.
step() {
  local text=$1 begin=${EPOCHREALTIME/[.,]/} tenths outcome='done'
  shift
  printf '%s ... ' "$text"
  echo "== $text" >>"$log"
  "$@" </dev/null 2>&1 | follow "$text" >>"$log" || outcome=failed
  tenths=$(((${EPOCHREALTIME/[.,]/} - begin) / 100000))
  [[ ! -t 1 ]] || printf '\r\e[K%s ... ' "$text"
  printf '%s, %d.%d s\n' "$outcome" $((tenths / 10)) $((tenths % 10))
  [[ $outcome == 'done' ]]
}

# Copies what it reads; a terminal is shown how far Ninja has come: [12/85].
follow() {
  local line
  while IFS= read -r line || [[ $line ]]; do
    printf '%s\n' "$line" 2>/dev/null # the disk may be full
    [[ ! -t 2 || ! $line =~ ^\[[0-9]+/[0-9]+\] ]] || printf '\r%s ... %s ' "$1" "${BASH_REMATCH[0]}" >&2
  done
}

fail() {
  if grep -qE 'No space left|enough free space|quota exceeded' "$log" || disk_is_full; then
    stop "A disk is full. Packages need 1 GB, the build 1 GB; this is what there is:" \
         "$(df -h "$build_dir" "${TMPDIR:-/tmp}" /var/cache/apt 2>/dev/null | uniq)"
  fi
  local said errors
  said=$(awk '/^== / { said = ""; next } { said = said $0 "\n" } END { printf "%s", said }' "$log")
  errors=$(grep -E -A 4 '^FAILED|^E: |[Ee]rror(:| at )|undefined reference' <<<"$said" || tail -n 30 <<<"$said")
  cut -c -300 <<<"$errors" | sed -n 1,40p >&2
  echo >&2
  if grep -qE 'Killed signal|Cannot allocate memory' "$log"; then
    stop "Memory ran out. Build fewer files at a time: CMAKE_BUILD_PARALLEL_LEVEL=1 $again"
  elif grep -q '^E: ' <<<"$said" &&
       grep -qE 'Temporary failure resolving|Could not (resolve|connect)|Unable to connect|unreachable' "$log"; then
    stop "apt can't reach its servers: look at the network (and at apt's proxy, if it needs one), then do this" \
         "again: $again" "Without a network, install these from Debian's media: ${packages[*]}"
  elif grep -qE 'CMakeCache.txt directory .* is different|[Dd]oes not match the (source|generator)' "$log"; then
    stop "$build_dir was made for another folder or by other means: remove it, then do this again: $again"
  fi
  stop "${advice:-All that was said is in $log}"
}

disk_is_full() {
  (($(df -k --output=avail "$build_dir" | tail -n 1) < 65536))
}

stop() {
  printf '%s\n' "$@" >&2
  exit 1
}
