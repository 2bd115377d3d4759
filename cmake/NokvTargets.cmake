# nokv_library(NAME SOURCES a.cc ... DEPS targets ...): one module, its sources and what it may use.
# The target is nokv_NAME, known to others as nokv::NAME.
function(nokv_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(nokv_${name} STATIC ${arg_SOURCES})
  add_library(nokv::${name} ALIAS nokv_${name})
  target_include_directories(nokv_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/nokv>)
  target_compile_features(nokv_${name} PUBLIC cxx_std_20)
  target_link_libraries(nokv_${name} PUBLIC ${arg_DEPS}
    PRIVATE $<BUILD_INTERFACE:nokv_build_flags> ${arg_PRIVATE_DEPS})
  set_target_properties(nokv_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY NOKV_LIBRARIES nokv_${name})
endfunction()

# nokv_test(NAME SOURCES a_test.cc ... DEPS targets ... [LABELS unit]): one Catch2 program, one ctest
# entry a test case.
function(nokv_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT NOKV_TESTS)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE nokv_test_main ${arg_DEPS} nokv_build_flags)
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name} --use-colour no)
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
endfunction()

# nokv_binary(NAME SOURCES ... DEPS ...): a program for users, in build/<preset>/bin.
function(nokv_binary name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} nokv_build_flags)
endfunction()
