# What a vendor builds against, as install component "sdk": the headers, librayvisor-sdk.a (which needs no other library),
# librayvisor-json.a (which needs yajl), their .pc files and the CMake package. Nothing in it names the prefix: an installed tree can be moved.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rayvisor)
set(RAYVISOR_KINDS ${package_dir}/kinds.cmake)
set(RAYVISOR_PLUGINDIR ${CMAKE_INSTALL_LIBDIR}/rayvisor/plugins)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/rayvisor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
        FILES_MATCHING PATTERN "*.h" PATTERN "test.h" EXCLUDE)
install(TARGETS rv_sdk rv_json ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/rayvisorConfig.cmake.in
  ${PROJECT_BINARY_DIR}/rayvisorConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR RAYVISOR_PLUGINDIR)
# Minor releases stay compatible (include/rayvisor/README.md); before 1.0 each one may differ.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rayvisorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rayvisorConfig.cmake ${PROJECT_BINARY_DIR}/rayvisorConfigVersion.cmake
        ${CMAKE_CURRENT_LIST_DIR}/kinds.cmake ${CMAKE_CURRENT_LIST_DIR}/plugin.cmake DESTINATION ${package_dir} COMPONENT sdk)

set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PC_TO_PREFIX /prefix/${pc_dir} /prefix)
function(install_pc name component)
  configure_file(${PROJECT_SOURCE_DIR}/plugins/sdk/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${pc_dir} COMPONENT ${component})
endfunction()
install_pc(rayvisor sdk)
install_pc(rayvisor-json sdk)

# What a vendor tests with, as install component "test": rayvisor/test.h and librayvisor-test (tests/support).
if(RV_TESTS)
  install(FILES ${PROJECT_SOURCE_DIR}/include/rayvisor/test.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rayvisor COMPONENT test)
  install_pc(rayvisor-test test)
endif()
