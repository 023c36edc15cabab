rv_fuzz(gcs ${CMAKE_CURRENT_LIST_DIR}/fuzz_gcs.c rv_autoscaler)
