foreach(target msgpack json quantity selector time path)
  rv_fuzz(${target} ${CMAKE_CURRENT_LIST_DIR}/fuzz_${target}.c rv_sdk)
endforeach()
