rv_fuzz(msg ${CMAKE_CURRENT_LIST_DIR}/fuzz_msg.c rv_base)
rv_fuzz(flight ${CMAKE_CURRENT_LIST_DIR}/fuzz_flight.c rv_base)
rv_fuzz(recording ${CMAKE_CURRENT_LIST_DIR}/fuzz_recording.c rv_engine)
rv_fuzz(engine ${CMAKE_CURRENT_LIST_DIR}/fuzz_engine.c rv_engine)
