#!/usr/bin/env bash
# Installs what Seedbed is built with and what its helpers need: Debian packages (tools/packages.txt) and a
# virtual environment in .venv with LibTorch (the PyPI torch wheel) and tools/requirements.txt.
#   --tests  also programs that tests drive where they find them (tools/test_packages.txt), and Prometheus where no systemd
#            would start it
#   --cuda   also CUDA's compiler and cuBLAS, which the preset cuda builds with; they need no GPU, and 1 GB
# Idempotent: a second run finds everything there and takes seconds. Works as root, or as a user with sudo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TORCH_VERSION=$(sed -n 's/^TORCH_VERSION=//p' tools/install_libtorch.sh)
mapfile -t CUDA_WHEELS < <(grep -v '^#' tools/cuda_compiler.txt)
say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

check_system() {
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || die "this is $(uname -s) on $(uname -m); Linux on x86_64 is needed"
  grep -q avx2 /proc/cpuinfo || die "this CPU has no AVX2; x86-64-v3 is the least that Seedbed is built for"
  local id="" version=""
  [ -r /etc/os-release ] && . /etc/os-release && id=${ID:-} version=${VERSION_ID:-}
  if [ "$id-$version" != debian-12 ]; then
    local missing=()
    for tool in cmake ninja g++ protoc grpc_cpp_plugin mold ccache python3; do
      command -v "$tool" >/dev/null || missing+=("$tool")
    done
    die "this is '${PRETTY_NAME:-unknown}'; only Debian 12 is supported. Programs missing here: ${missing[*]:-none}." \
        "The libraries needed are named in tools/packages.txt"
  fi
}

install_packages() {  # PACKAGE...
  local wanted=("$@") missing=() package
  for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "Debian packages: all ${#wanted[@]} are there"
    return
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo; as root, install: ${missing[*]}"
    as_root=(sudo)
  fi
  say "Debian packages: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Everything that decides what .venv holds; .venv/.stamp remembers it.
environment_key() { { echo "torch $TORCH_VERSION $(torch_variant)"; cat tools/requirements.txt; } | sha256sum; }
torch_variant() { if [ -e /dev/nvidiactl ]; then echo cuda; else echo cpu; fi; }

install_environment() {
  if [ -f .venv/.stamp ] && [ "$(cat .venv/.stamp)" = "$(environment_key)" ]; then
    say "virtual environment: .venv is up to date"
    return
  fi
  say "virtual environment: installing torch $TORCH_VERSION and tools/requirements.txt into .venv"
  rm -rf .venv
  bash tools/install_libtorch.sh .venv "$(torch_variant)"
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tools/requirements.txt
  environment_key > .venv/.stamp
}

# .venv/.cuda_stamp remembers them; they go with .venv.
install_cuda_compiler() {
  if [ "$(cat .venv/.cuda_stamp 2>/dev/null)" = "${CUDA_WHEELS[*]}" ]; then
    say "CUDA's compiler: .venv has it"
    return
  fi
  say "CUDA's compiler: installing ${CUDA_WHEELS[*]} into .venv"
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps "${CUDA_WHEELS[@]}"
  echo "${CUDA_WHEELS[*]}" > .venv/.cuda_stamp
}

with_cuda=no
mapfile -t packages < <(grep -v '^#' tools/packages.txt)
for argument in "$@"; do
  case $argument in
    --cuda) with_cuda=yes ;;
    --tests)
      mapfile -t -O ${#packages[@]} packages < <(grep -v '^#' tools/test_packages.txt)
      [ -d /run/systemd/system ] || packages+=(prometheus)
      ;;
    *) die "unknown argument '$argument'; allowed are --cuda and --tests" ;;
  esac
done
check_system
install_packages "${packages[@]}"
install_environment
if [ $with_cuda = yes ]; then install_cuda_compiler; fi
say "done"
