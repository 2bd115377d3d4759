# Installs the build tree BUILD into SCRATCH, builds the project SOURCE with what was installed, runs
# it twice (a new database, and one that is there), and compares its source with the example in the
# README. Stops with an error at the first thing that is wrong.

function(run)
  execute_process(COMMAND ${ARGV} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGV} answered ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(READ ${README} readme)
file(READ ${SOURCE}/main.cc example)
string(FIND "${readme}" "```cpp\n${example}```" position)
if(position EQUAL -1)
  message(FATAL_ERROR "The C++ example in ${README} is not the source of ${SOURCE}/main.cc")
endif()
file(READ ${SOURCE}/CMakeLists.txt project)
foreach(line IN ITEMS "find_package(nokv" "nokv::engine")
  string(FIND "${readme}" "${line}" in_readme)
  string(FIND "${project}" "${line}" in_project)
  if(in_readme EQUAL -1 OR in_project EQUAL -1)
    message(FATAL_ERROR "'${line}' is not in both ${README} and ${SOURCE}/CMakeLists.txt")
  endif()
endforeach()

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/prefix)

# Every installed header finds what it includes.
file(GLOB_RECURSE headers RELATIVE ${SCRATCH}/prefix/include/nokv ${SCRATCH}/prefix/include/*.h)
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n")
list(JOIN headers "" headers)
file(WRITE ${SCRATCH}/headers.cc "${headers}")
run(${COMPILER} -std=c++20 -fsyntax-only -I${SCRATCH}/prefix/include/nokv ${SCRATCH}/headers.cc)

# With the generator that is known to be here; CMake's own choice, make, need not be.
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${SCRATCH}/build
  -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix -DCMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
foreach(attempt IN ITEMS "a new database" "one that is there")
  run(${CMAKE_COMMAND} -E chdir ${SCRATCH} ${SCRATCH}/build/consumer)
  if(NOT output STREQUAL "value=world\n")
    message(FATAL_ERROR "With ${attempt} the example printed:\n${output}")
  endif()
endforeach()
