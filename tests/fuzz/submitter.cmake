if(TARGET rv_submitter)
  rv_fuzz(frames ${CMAKE_CURRENT_LIST_DIR}/fuzz_frames.c rv_submitter)
endif()
