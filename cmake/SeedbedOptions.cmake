# How everything is compiled. Included once by the root.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

# The least CPU that is supported; faster kernels are chosen at run time.
add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-march=x86-64-v3>)

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers are found again by their content.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(SEEDBED_SANITIZE "" CACHE STRING "Comma-separated sanitizers for every target, as -fsanitize takes them")
if(SEEDBED_SANITIZE)
  add_compile_options(-fsanitize=${SEEDBED_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SEEDBED_SANITIZE})
endif()
set(SEEDBED_SANITIZER_OBJECTS "")
if(SEEDBED_SANITIZE MATCHES "thread")
  # Protobuf's MapField has another layout where this macro is defined, which Debian's library was not compiled with.
  add_compile_options(-U__SANITIZE_THREAD__)
  add_library(seedbed_tsan OBJECT ${CMAKE_SOURCE_DIR}/cmake/tsan_absl_mutex.cc)
  set(SEEDBED_SANITIZER_OBJECTS $<TARGET_OBJECTS:seedbed_tsan>)
endif()

include_directories(${CMAKE_SOURCE_DIR})

# Our own targets get these; generated code does not.
add_library(seedbed_warnings INTERFACE)
target_compile_options(seedbed_warnings INTERFACE
  "$<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Werror;-Wno-sign-compare;-Wno-missing-field-initializers>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Werror;-Werror=all-warnings>")

# seedbed_library(NAME SOURCES ... DEPENDS ...): a static library of ours.
function(seedbed_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE seedbed_warnings)
endfunction()

# seedbed_binary(NAME SOURCES ... DEPENDS ...): an executable of ours in build/PRESET/bin.
function(seedbed_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} ${SEEDBED_SANITIZER_OBJECTS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} seedbed_warnings)
endfunction()

# seedbed_test(NAME SOURCES ... DEPENDS ... [LABELS ...]): a GoogleTest binary; one ctest entry.
function(seedbed_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES} ${SEEDBED_SANITIZER_OBJECTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main seedbed_warnings)
  target_compile_definitions(${name} PRIVATE SEEDBED_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
    SEEDBED_BIN_DIR="${CMAKE_BINARY_DIR}/bin" SEEDBED_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
