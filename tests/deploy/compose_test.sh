#!/usr/bin/env bash
# deploy/compose.yaml on a real engine: builds, starts, trains through kills of every daemon, scales to two workers, takes
# a backup, begins again from it, and reads the same result. Grafana is left out. Stops what it started.
#
# usage: compose_test.sh FOLDER
#
# FOLDER takes some 20 GB and keeps what is costly for a next run. Needs root, and Debian's packages docker.io,
# docker-compose, debootstrap and python3, but no image registry: all images are built from Debian's packages, those of
# Prometheus and Alertmanager under the names that compose.yaml has. The cluster runs in a network namespace of its own,
# so that it leaves this machine's interfaces and firewall alone. Too long for CI; docs/deployment.md keeps its output.
set -euo pipefail
if [ $# -ne 1 ] && [ "${2:-}" != --in-namespace ]; then
  echo "compose_test: found $# arguments; FOLDER is needed" >&2
  exit 1
fi
mkdir -p "$1"
readonly FOLDER=$(realpath "$1") SCRIPT=$(realpath "${BASH_SOURCE[0]}")
cd "$(dirname "$SCRIPT")/../.."

export DOCKER_HOST=unix://$FOLDER/docker.sock DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
export COMPOSE_PROJECT_NAME=seedbed COMPOSE_FILE=deploy/compose.yaml COMPOSE_PROFILES=cpu
export SEEDBED_INPUTS=$FOLDER/inputs SEEDBED_WORKER_MEMORY=4g SEEDBED_RESULTS_MEMORY=4g SEEDBED_SHARED_MEMORY=256m
export SEEDBED_WORKER_OPTIONS="--threads-per-slot 1"
readonly BASE=seedbed-test-base
readonly SERVICES=(coordinator results worker-cpu prometheus alertmanager)
engine=""

say() { printf '%s compose_test: %s\n' "$(date +%T)" "$*"; }
die() { say "FAILED: $*"; exit 1; }

# until_true SECONDS WHAT COMMAND...
until_true() {
  local give_up=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $give_up ] || die "not $what"
    sleep 1
  done
  say "$what"
}

stop() {
  local status=$?
  trap - EXIT
  if [ -n "$engine" ]; then
    if [ $status -ne 0 ]; then docker-compose logs --tail=20 || true; fi
    docker-compose down --volumes || true
    stop_engine
  fi
  exit $status
}
trap stop EXIT

# start_engine ARGUMENT...
start_engine() {
  dockerd --data-root "$FOLDER/docker" --exec-root "$FOLDER/exec" --pidfile "$FOLDER/docker.pid" --host "$DOCKER_HOST" \
    "$@" >> "$FOLDER/dockerd.log" 2>&1 &
  engine=$!
  until_true 60 "the engine answers" docker version
}

stop_engine() {
  kill "$engine"
  wait "$engine" || true
  engine=""
}

# Debian 12 with this machine's own settings of apt and pip and its certificates, so that builds reach what it reaches.
make_base() {
  if docker image inspect $BASE >/dev/null 2>&1; then return; fi
  [ -d "$FOLDER/base" ] || debootstrap --variant=minbase --include=ca-certificates bookworm "$FOLDER/base" >/dev/null
  cp -a /etc/apt/. "$FOLDER/base/etc/apt/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$FOLDER/base/etc/ssl/build-machine.crt"
  if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$FOLDER/base/etc/"; fi
  tar -C "$FOLDER/base" -c . | docker import --change "ENV PIP_CERT=/etc/ssl/build-machine.crt" - $BASE >/dev/null
}

# debian_image NAME PACKAGE PROGRAM: what compose.yaml takes from a registry, from Debian's package.
debian_image() {
  docker build --network host -q -t "$1" - >/dev/null <<DOCKERFILE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends $2 && install -d -o nobody /prometheus /alertmanager
USER nobody
ENTRYPOINT ["$3"]
DOCKERFILE
}

build() {
  make_base
  debian_image prom/prometheus:v2.42.0 prometheus prometheus
  debian_image prom/alertmanager:v0.25.0 prometheus-alertmanager prometheus-alertmanager
  docker build --network host -q --build-arg BASE=$BASE -f deploy/Dockerfile.control -t seedbed-control .
  docker build --network host -q --build-arg BASE=$BASE -f deploy/Dockerfile.worker -t seedbed-worker .
  say "images:"
  docker images --format '{{.Repository}} {{.Size}}' | grep ^seedbed- | grep -v base
}

# The command line, outside of the containers' network, through the published port.
seedbed() {
  docker run --rm --network host --read-only -v "$FOLDER/inputs:/inputs:ro" seedbed-control seedbed "$@"
}

# write_sweep NAME CHANGES: of a tiny model; CHANGES are arguments of Inputs.write_sweep.
write_sweep() {
  SEEDBED_BIN_DIR=/nowhere SEEDBED_TEST_DATA=tests/data PYTHONPATH=tests/integration \
    python3 -B - "$FOLDER/inputs" "$1" "$2" <<'PYTHON'
import pathlib, shutil, sys
import service
target, name = pathlib.Path(sys.argv[1]), sys.argv[2]
inputs = service.Inputs()
sweep = inputs.write_sweep(model="/inputs/model", tokens="/inputs/tokens.bin", **eval(sys.argv[3]))
shutil.copytree(inputs.model, target / "model", dirs_exist_ok=True)
for file in inputs.folder.glob("tokens.bin*"):
    shutil.copy(file, target)
shutil.copy(sweep, target / name)
inputs.close()
PYTHON
  chmod -R a+rX "$FOLDER/inputs"
}

container() { docker-compose ps -q "$1" | head -n 1; }
healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$(container "$1")")" = healthy ]; }
all_healthy() { healthy coordinator && healthy results && healthy worker-cpu; }
in_state() { seedbed get "$1" --output json | grep -q "SWEEP_STATE_$2"; }
has_agreement() { seedbed results "$1" --output json | grep -q '"pw_mcc"'; }
started() { docker inspect -f '{{.State.StartedAt}}' "$(container "$1")"; }
workers_up() { [ "$(prometheus 'count(up{job="seedbed-worker"}==1)')" = "$1" ]; }
prometheus() {
  python3 - "$1" <<'PYTHON'
import json, sys, urllib.parse, urllib.request
url = "http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(sys.argv[1])
print(json.load(urllib.request.urlopen(url, timeout=5))["data"]["result"][0]["value"][1])
PYTHON
}

# As a crash does it: the engine's restart policy brings the container back.
crash() {
  local before
  before=$(started "$1")
  kill -KILL "$(docker inspect -f '{{.State.Pid}}' "$(container "$1")")"
  restarted() { [ "$(started "$1")" != "$before" ] && healthy "$1"; }
  until_true 90 "$1 was killed and is back" restarted "$1"
}

# sweep_ends ID: with agreement.
sweep_ends() {
  until_true 600 "sweep $1 succeeded" in_state "$1" SUCCEEDED
  until_true 120 "sweep $1 has its agreement" has_agreement "$1"
}

# The databases, with the daemons stopped, as docs/deployment.md has it.
backup_and_restore() {
  docker-compose stop coordinator results
  local volume
  for volume in coordinator results artifacts; do
    docker run --rm --user 0 -v "seedbed_$volume:/from:ro" -v "$FOLDER/backup:/to" seedbed-control \
      tar -C /from -cf "/to/$volume.tar" .
  done
  docker-compose down --volumes
  for volume in coordinator results artifacts; do
    docker volume create "seedbed_$volume" >/dev/null
    docker run --rm --user 0 -v "seedbed_$volume:/to" -v "$FOLDER/backup:/from:ro" seedbed-control \
      tar -C /to -xf "/from/$volume.tar"
  done
  docker-compose up -d "${SERVICES[@]}"
  until_true 120 "all are healthy on the restored volumes" all_healthy
}

run() {
  docker-compose up -d "${SERVICES[@]}"
  until_true 120 "all are healthy" all_healthy

  seedbed submit /inputs/long.yaml
  until_true 60 "sweep s1 trains" in_state s1 RUNNING
  crash coordinator
  in_state s1 RUNNING || die "sweep s1 ended before a worker could be killed in it"
  crash worker-cpu
  sweep_ends s1
  crash results
  until_true 60 "Prometheus reaches the worker" workers_up 1

  docker-compose up -d --scale worker-cpu=2 "${SERVICES[@]}"
  until_true 60 "Prometheus reaches two workers" workers_up 2
  seedbed submit /inputs/ranks.yaml
  sweep_ends s2
  seedbed results s1 | tee "$FOLDER/before"

  backup_and_restore
  seedbed results s1 > "$FOLDER/after"
  cmp "$FOLDER/before" "$FOLDER/after" || die "the restored result differs"
  say "the restored result is the same"
  say "passed"
}

if [ "${2:-}" = --in-namespace ]; then
  ip link set lo up
  start_engine
  run
else
  mkdir -p "$FOLDER/inputs" "$FOLDER/backup"
  start_engine --bridge=none --iptables=false
  build
  write_sweep long.yaml 'dict(epochs=3000)'
  write_sweep ranks.yaml 'dict(ranks=2)'
  stop_engine
  exec unshare --net bash "$SCRIPT" "$FOLDER" --in-namespace
fi
