# cmake --install: the engine as a package for find_package(nokv). Programs install themselves.
if(NOT NOKV_INSTALL OR NOT TARGET nokv_engine)
  return()
endif()

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nokv)

# The modules behind nokv::engine are installed because it needs them.
set(engine_targets nokv_engine)
foreach(module IN ITEMS base vfs table log groups lsm db)
  if(TARGET nokv_${module})
    list(APPEND engine_targets nokv_${module})
  endif()
endforeach()
install(TARGETS ${engine_targets} EXPORT nokvTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT nokvTargets NAMESPACE nokv:: DESTINATION ${package_dir})

# The public face, and the seams that a program may fill itself: files, clock, executor. Nothing that
# these headers include may be missing here; the consumer test compiles them all.
file(GLOB public_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/engine/*.h)
install(FILES ${public_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nokv/engine)
set(seam_headers clock.h executor.h mutex.h random.h status.h)
list(TRANSFORM seam_headers PREPEND ${PROJECT_SOURCE_DIR}/engine/base/)
install(FILES ${seam_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nokv/engine/base)
install(FILES ${PROJECT_SOURCE_DIR}/engine/vfs/file_system.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nokv/engine/vfs)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/nokvConfig.cmake.in
  ${PROJECT_BINARY_DIR}/nokvConfig.cmake INSTALL_DESTINATION ${package_dir})
# Below 1.0 each minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nokvConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nokvConfig.cmake ${PROJECT_BINARY_DIR}/nokvConfigVersion.cmake
  DESTINATION ${package_dir})
