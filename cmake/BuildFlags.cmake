# Every flag of ours hangs on one interface target, so that a consumer's own flags stay untouched.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

add_library(nokv_build_flags INTERFACE)
target_compile_options(nokv_build_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
  $<$<BOOL:${NOKV_WERROR}>:-Werror>)
# Failed checks name their file from the project's root, and not where it was built.
target_compile_options(nokv_build_flags INTERFACE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
# CRC32C and the bit counts want SSE4.2 and POPCNT, which every x86-64 machine since 2009 has.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(nokv_build_flags INTERFACE -msse4.2 -mpopcnt)
endif()
if(NOKV_SANITIZE)
  target_compile_options(nokv_build_flags INTERFACE
    -fsanitize=${NOKV_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -Wno-maybe-uninitialized)  # What the sanitizers insert confuses it, in standard headers too.
  target_link_options(nokv_build_flags INTERFACE -fsanitize=${NOKV_SANITIZE})
endif()
