#!/usr/bin/env bash
# Runs the benchmarks of tests/bench: all of them, or the one named. Each prints a table and, as its last line,
# `NAME key=value ...` with ratios measured in that run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/setup.sh >&2
cmake --preset release >&2
cmake --build --preset release --target benchmarks -- --quiet >&2

folder=build/release/bench
if [ $# -gt 0 ]; then
  [ -x "$folder/$1" ] || { echo "bench: no benchmark named '$1'; there are: $(ls "$folder" | xargs)" >&2; exit 2; }
  exec "$folder/$1"
fi
for benchmark in "$folder"/*; do
  "$benchmark"
done
