rv_fuzz(config ${CMAKE_CURRENT_LIST_DIR}/fuzz_config.c rv_config)
rv_fuzz(manifest ${CMAKE_CURRENT_LIST_DIR}/fuzz_manifest.c rv_config)
rv_fuzz(policy ${CMAKE_CURRENT_LIST_DIR}/fuzz_policy.c rv_config)
