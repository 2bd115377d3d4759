# A compiler cache and a fast linker, used when they are found and never required.
find_program(NOKV_CCACHE ccache)
if(NOKV_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NOKV_CCACHE})
endif()

find_program(NOKV_MOLD mold)
if(NOKV_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
message(STATUS "nokv: ccache ${NOKV_CCACHE}, linker ${NOKV_MOLD}")
