rv_fuzz(tzif ${CMAKE_CURRENT_LIST_DIR}/fuzz_tzif.c rv_supervisor)
