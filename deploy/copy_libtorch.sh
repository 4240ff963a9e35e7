#!/usr/bin/env bash
# Copies, of what tools/install_libtorch.sh installed, what a program loads at run time, with the folders as they are.
#
# usage: copy_libtorch.sh SITE_PACKAGES TARGET cpu|cuda
set -euo pipefail
from=$1 to=$2
mkdir -p "$to/torch/lib" "$to/nvidia"
case $3 in
  cpu)
    cp -a "$from"/torch/lib/{libtorch_cpu.so,libc10.so,libgomp*} "$to/torch/lib/"
    mkdir -p "$to/nvidia/cu13/lib"
    cp -a "$from"/nvidia/cu13/lib/{libcudart.so.*,libcupti.so.*} "$to/nvidia/cu13/lib/"
    ;;
  cuda)
    cp -a "$from"/torch/lib/*.so* "$to/torch/lib/"
    (cd "$from" && find nvidia -path '*/lib/*.so*' -print0 | xargs -0 cp -a --parents -t "$to")
    ;;
  *)
    printf "copy_libtorch: found device '%s'; allowed are cpu and cuda\n" "$3" >&2
    exit 1
    ;;
esac
