rv_fuzz(tzif ${CMAKE_CURRENT_LIST_DIR}/fuzz_tzif.c rv_supervisor)
rv_fuzz(review ${CMAKE_CURRENT_LIST_DIR}/fuzz_review.c rv_supervisor)
