# What a vendor builds against, as install component "sdk": the headers, librayvisor-sdk.a, rayvisor.pc and the CMake
# package. Nothing in it names the prefix: an installed tree can be moved.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rayvisor)
set(RAYVISOR_PLUGINDIR ${CMAKE_INSTALL_LIBDIR}/rayvisor/plugins)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/rayvisor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
        FILES_MATCHING PATTERN "*.h")
install(TARGETS rv_value ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/rayvisorConfig.cmake.in
  ${PROJECT_BINARY_DIR}/rayvisorConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR RAYVISOR_PLUGINDIR)
# Minor releases stay compatible (include/rayvisor/README.md); before 1.0 each one may differ.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rayvisorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rayvisorConfig.cmake ${PROJECT_BINARY_DIR}/rayvisorConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT sdk)

set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PC_TO_PREFIX /prefix/${pc_dir} /prefix)
get_filename_component(MSGPACK_NAME ${MSGPACK_LIBRARY} NAME_WE)
string(REGEX REPLACE "^lib" "" MSGPACK_NAME ${MSGPACK_NAME})
configure_file(${CMAKE_CURRENT_LIST_DIR}/rayvisor.pc.in ${PROJECT_BINARY_DIR}/rayvisor.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rayvisor.pc DESTINATION ${pc_dir} COMPONENT sdk)
