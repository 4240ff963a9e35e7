# The compiler of .cu files, where SEEDBED_HAVE_CUDA: nvcc from the wheels in .venv (tools/setup.sh --cuda), else from a
# CUDA toolkit on PATH, of the major version of LibTorch's runtime.
#
#   SEEDBED_HAVE_CUDA_KERNELS   ON where there is one
#   seedbed_cuda_runtime        CUDA's runtime, headers and library
#   seedbed_cublas              cuBLASLt, likewise
set(SEEDBED_HAVE_CUDA_KERNELS OFF)
if(NOT SEEDBED_HAVE_CUDA)
  return()
endif()

find_program(SEEDBED_NVCC nvcc HINTS "${SEEDBED_TORCH_ROOT}/nvidia/cu13/bin" NO_CMAKE_SYSTEM_PATH)
find_library(SEEDBED_CUDART NAMES libcudart.so.13 PATHS "${SEEDBED_TORCH_ROOT}/nvidia/cu13/lib" NO_DEFAULT_PATH)
find_library(SEEDBED_CUBLAS_LT NAMES libcublasLt.so.13 PATHS "${SEEDBED_TORCH_ROOT}/nvidia/cu13/lib" NO_DEFAULT_PATH)
if(NOT (SEEDBED_NVCC AND SEEDBED_CUDART AND SEEDBED_CUBLAS_LT))
  if(SEEDBED_CUDA STREQUAL "ON")
    message(FATAL_ERROR "SEEDBED_CUDA=ON, but what compiles CUDA kernels is not all there (nvcc: ${SEEDBED_NVCC}; "
      "libcudart.so.13: ${SEEDBED_CUDART}; libcublasLt.so.13: ${SEEDBED_CUBLAS_LT}); run tools/setup.sh --cuda")
  endif()
  return()
endif()

set(CMAKE_CUDA_COMPILER "${SEEDBED_NVCC}")
# Ampere and Hopper, and what later GPUs are compiled from when they first run it.
set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
# One runtime in the process, which is LibTorch's. The wheel's folder of libraries is not the one that nvcc looks in.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
set(CMAKE_CUDA_FLAGS_INIT "-L${SEEDBED_TORCH_ROOT}/nvidia/cu13/lib")
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0 OR CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 14.0)
  set(SEEDBED_NVCC_MISMATCH "${SEEDBED_NVCC} is of CUDA ${CMAKE_CUDA_COMPILER_VERSION}; LibTorch's runtime is of 13.x")
  if(SEEDBED_CUDA STREQUAL "ON")
    message(FATAL_ERROR "${SEEDBED_NVCC_MISMATCH}; run tools/setup.sh --cuda")
  endif()
  message(STATUS "CUDA kernels: none, ${SEEDBED_NVCC_MISMATCH}")
  return()
endif()
if(CCACHE)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

add_library(seedbed_cuda_runtime INTERFACE)
target_include_directories(seedbed_cuda_runtime SYSTEM INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:${LibTorch_CUDA_INCLUDE}>)
target_link_libraries(seedbed_cuda_runtime INTERFACE "${SEEDBED_CUDART}")
add_library(seedbed_cublas INTERFACE)
target_link_libraries(seedbed_cublas INTERFACE seedbed_cuda_runtime "${SEEDBED_CUBLAS_LT}")
set(SEEDBED_HAVE_CUDA_KERNELS ON)
message(STATUS "CUDA kernels: ${SEEDBED_NVCC} ${CMAKE_CUDA_COMPILER_VERSION}")
