# A compiler cache and a fast linker, used when they are found and never required.
find_program(NOKV_CCACHE ccache)
if(NOKV_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without the hash of the build folder, presets with the same flags share their objects. Debug
  # information then names the folder that compiled first, which is harmless: sources have full paths.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 ${NOKV_CCACHE})
endif()

find_program(NOKV_MOLD mold)
if(NOKV_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
message(STATUS "nokv: ccache ${NOKV_CCACHE}, linker ${NOKV_MOLD}")
