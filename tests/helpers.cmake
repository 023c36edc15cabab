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

# rv_fuzz(NAME SOURCE LIBS...): with RV_FUZZ a libFuzzer target; always a replayer that CTest runs over
# tests/fuzz/corpus/NAME.
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
  if(RV_FUZZ)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -runs=0 ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  else()
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
endfunction()
