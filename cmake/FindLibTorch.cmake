# LibTorch from the PyPI torch wheel, as imported targets, without the CUDA toolkit that its own TorchConfig.cmake
# demands of a CUDA wheel.
#
#   LibTorch::LibTorch   ATen, c10 and c10d for the CPU, with Gloo
#   LibTorch::Nccl       ProcessGroupNCCL, CUDA streams; only where SEEDBED_CUDA lets it be (SEEDBED_HAVE_CUDA is then ON)
#
# SEEDBED_TORCH_ROOT: the folder with torch/ and nvidia/ in it. Default: the site-packages of .venv.
if(NOT SEEDBED_TORCH_ROOT)
  file(GLOB SEEDBED_TORCH_ROOT_CANDIDATES "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages")
  list(GET SEEDBED_TORCH_ROOT_CANDIDATES 0 SEEDBED_TORCH_ROOT)
endif()
set(LibTorch_DIR_LIB "${SEEDBED_TORCH_ROOT}/torch/lib")

include(FindPackageHandleStandardArgs)
find_library(LibTorch_CPU torch_cpu PATHS "${LibTorch_DIR_LIB}" NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 PATHS "${LibTorch_DIR_LIB}" NO_DEFAULT_PATH)
find_path(LibTorch_INCLUDE ATen/ATen.h PATHS "${SEEDBED_TORCH_ROOT}/torch/include" NO_DEFAULT_PATH)
# The wheel holds Gloo's code (inside libtorch_cpu.so) but not its headers; Debian's are of the same interface.
find_path(LibTorch_GLOO_INCLUDE gloo/algorithm.h)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU LibTorch_C10 LibTorch_INCLUDE LibTorch_GLOO_INCLUDE
  REASON_FAILURE_MESSAGE "run tools/setup.sh, or set SEEDBED_TORCH_ROOT")

add_library(LibTorch::LibTorch INTERFACE IMPORTED)
# After the system's own folders: the wheel brings headers of an old protobuf along, which must not hide Debian's.
target_compile_options(LibTorch::LibTorch INTERFACE
  "SHELL:-idirafter ${LibTorch_INCLUDE}" "SHELL:-idirafter ${LibTorch_INCLUDE}/torch/csrc/api/include")
target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE "${LibTorch_GLOO_INCLUDE}")
target_compile_definitions(LibTorch::LibTorch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
target_link_libraries(LibTorch::LibTorch INTERFACE "${LibTorch_CPU}" "${LibTorch_C10}")
# The wheel's libraries ask for CUDA libraries that the CPU installation leaves out and that are never called there.
target_link_options(LibTorch::LibTorch INTERFACE "LINKER:--allow-shlib-undefined")

find_library(LibTorch_CUDA torch_cuda PATHS "${LibTorch_DIR_LIB}" NO_DEFAULT_PATH)
find_library(LibTorch_C10_CUDA c10_cuda PATHS "${LibTorch_DIR_LIB}" NO_DEFAULT_PATH)
find_path(LibTorch_CUDA_INCLUDE cuda_runtime_api.h PATHS "${SEEDBED_TORCH_ROOT}/nvidia/cu13/include"
  "${SEEDBED_TORCH_ROOT}/nvidia/cuda_runtime/include" NO_DEFAULT_PATH)
find_path(LibTorch_NCCL_INCLUDE nccl.h PATHS "${SEEDBED_TORCH_ROOT}/nvidia/nccl/include" NO_DEFAULT_PATH)

set(SEEDBED_HAVE_CUDA OFF)
if(NOT SEEDBED_CUDA STREQUAL "OFF")
  if(LibTorch_CUDA AND LibTorch_C10_CUDA AND LibTorch_CUDA_INCLUDE AND LibTorch_NCCL_INCLUDE)
    set(SEEDBED_HAVE_CUDA ON)
    add_library(LibTorch::Nccl INTERFACE IMPORTED)
    target_include_directories(LibTorch::Nccl SYSTEM INTERFACE "${LibTorch_CUDA_INCLUDE}" "${LibTorch_NCCL_INCLUDE}")
    target_compile_definitions(LibTorch::Nccl INTERFACE USE_C10D_NCCL)
    # It makes GPUs known when it is loaded, whether or not anything names what is in it.
    target_link_libraries(LibTorch::Nccl INTERFACE LibTorch::LibTorch
      "-Wl,--push-state,--no-as-needed,${LibTorch_CUDA},--pop-state" "${LibTorch_C10_CUDA}")
  elseif(SEEDBED_CUDA STREQUAL "ON")
    message(FATAL_ERROR "SEEDBED_CUDA=ON, but the CUDA libraries or headers are not all under ${SEEDBED_TORCH_ROOT} "
      "(libtorch_cuda.so: ${LibTorch_CUDA}; cuda_runtime_api.h: ${LibTorch_CUDA_INCLUDE}; nccl.h: ${LibTorch_NCCL_INCLUDE})")
  endif()
endif()
message(STATUS "LibTorch: ${SEEDBED_TORCH_ROOT}/torch, NCCL backend ${SEEDBED_HAVE_CUDA}")
