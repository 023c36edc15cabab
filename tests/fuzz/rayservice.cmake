rv_fuzz(serve_answer ${CMAKE_CURRENT_LIST_DIR}/fuzz_serve_answer.c rv_rayservice)
