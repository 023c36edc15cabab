rv_fuzz(ctl ${CMAKE_CURRENT_LIST_DIR}/fuzz_ctl.c rv_ctl)
