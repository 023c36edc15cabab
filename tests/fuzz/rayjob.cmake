rv_fuzz(runtime_env ${CMAKE_CURRENT_LIST_DIR}/fuzz_runtime_env.c rv_rayjob)
