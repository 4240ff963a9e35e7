#!/usr/bin/env bash
# Builds the fuzz targets of tests/fuzz with clang and runs each for SECONDS (60 by default), on from what earlier runs
# found. An input that breaks one is kept in build/fuzz/broken and named; run `build/fuzz/fuzz/NAME FILE` to see it break.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'fuzz: %s\n' "$*" >&2; exit 1; }

readonly SECONDS_EACH=${1:-60} FOLDER=build/fuzz
[[ "$SECONDS_EACH" =~ ^[1-9][0-9]*$ ]] || die "SECONDS is '$SECONDS_EACH'; must be a whole number from 1"
command -v clang++-14 >/dev/null || die "clang++-14 is missing; install the Debian packages clang-14 and libclang-rt-14-dev"

mkdir -p "$FOLDER"
cmake --preset fuzz > "$FOLDER.configure.log" || { cat "$FOLDER.configure.log"; exit 1; }
cmake --build --preset fuzz -- --quiet

failed=()
for target in "$FOLDER"/fuzz/*; do
  name=$(basename "$target")
  mkdir -p "$FOLDER/corpus/$name" "$FOLDER/broken"
  printf 'fuzz: %s for %s s\n' "$name" "$SECONDS_EACH"
  "$target" -max_total_time="$SECONDS_EACH" -max_len=4096 -timeout=10 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$FOLDER/broken/$name-" "$FOLDER/corpus/$name" "tests/fuzz/corpus/$name" \
    2> "$FOLDER/$name.log" || failed+=("$name")
  grep -h 'number_of_executed_units\|^SUMMARY' "$FOLDER/$name.log" || true
done
[ ${#failed[@]} -eq 0 ] || die "broken: ${failed[*]}; see $FOLDER/NAME.log and $FOLDER/broken"
