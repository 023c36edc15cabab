rv_fuzz(h2 ${CMAKE_CURRENT_LIST_DIR}/fuzz_h2.c rv_supervisor)
rv_fuzz(url ${CMAKE_CURRENT_LIST_DIR}/fuzz_url.c rv_supervisor)
