# How tests are declared.
set(RV_UNIT_SECONDS 120) # a unit test may take
if(RV_SANITIZE)
  set(RV_UNIT_SECONDS 600)
endif()

# rv_unit(NAME SOURCES... LIBS libs...): one CUnit executable, run by CTest under "unit.NAME".
function(rv_unit name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(unit_${name} ${arg_SOURCES})
  target_link_libraries(unit_${name} PRIVATE rv_flags ${arg_LIBS} cunit)
  set_target_properties(unit_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME unit.${name} COMMAND unit_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT ${RV_UNIT_SECONDS} LABELS unit)
endfunction()

# rv_fuzz(NAME SOURCE LIBS...): a fuzz target. Without RV_FUZZ it is a replayer, which CTest runs over tests/fuzz/corpus/NAME
# ("fuzz.NAME"). With RV_FUZZ it searches; "search.NAME" of the other builds runs it for some seconds.
set(RV_SEARCH_SECONDS 4)
add_custom_target(fuzzers)
function(rv_fuzz name source)
  if(RV_FUZZ)
    add_executable(fuzz_${name} ${source})
    target_link_libraries(fuzz_${name} PRIVATE rv_flags ${ARGN})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
    target_link_libraries(fuzz_${name} PRIVATE rv_flags ${ARGN})
  endif()
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_dependencies(fuzzers fuzz_${name})
  if(RV_FUZZ)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -runs=0 ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  else()
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    add_test(NAME search.${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/fuzz/search.sh
      ${PROJECT_SOURCE_DIR}/build-fuzz/tests/fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name} ${RV_SEARCH_SECONDS})
    # PROCESSORS: tests/run.sh lets twice as many tests run as there are processors, and these compute all the time.
    set_tests_properties(search.${name} PROPERTIES TIMEOUT 120 LABELS search SKIP_RETURN_CODE 77 PROCESSORS 2
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
endfunction()
