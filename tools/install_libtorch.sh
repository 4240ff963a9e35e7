#!/usr/bin/env bash
# Installs LibTorch, which is the PyPI torch wheel, into a virtual environment that it makes in FOLDER: what setup.sh
# builds with, and what an installed seedbed-trainer, seedbed-agree and seedbed-convert load.
#
# usage: install_libtorch.sh FOLDER cpu|cuda
#
# `cpu` leaves out CUDA's libraries but two that the wheel needs to load, and NCCL's, which is there for its header
# (preset cuda).
set -euo pipefail

TORCH_VERSION=2.11.0
CPU_WHEELS=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 nvidia-nccl-cu13==2.28.9)

die() { printf 'install_libtorch: %s\n' "$*" >&2; exit 1; }

[ $# -eq 2 ] || die "found $# arguments; FOLDER and cpu or cuda are needed"
folder=$1
/usr/bin/python3 -m venv "$folder"
pip=("$folder/bin/pip" install --quiet --disable-pip-version-check)
case $2 in
  cpu) "${pip[@]}" --no-deps "torch==$TORCH_VERSION" "${CPU_WHEELS[@]}" ;;
  cuda) "${pip[@]}" "torch==$TORCH_VERSION" ;;
  *) die "found device '$2'; allowed are cpu and cuda" ;;
esac
