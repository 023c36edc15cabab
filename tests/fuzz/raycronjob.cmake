rv_fuzz(schedule ${CMAKE_CURRENT_LIST_DIR}/fuzz_schedule.c rv_schedule)
