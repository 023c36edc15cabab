# rayvisor_add_plugin(NAME SOURCES...): NAME.so with its manifest NAME.yaml beside it, both in the build folder and when
# installed (below lib/rayvisor/plugins of the install prefix). The sources include NAME_kinds.h, which is made from the
# manifest. Only the plugin's one symbol is exported, and a symbol that is missing is missed here, not by the host.
function(rayvisor_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  rayvisor_kinds(${CMAKE_CURRENT_SOURCE_DIR}/${name}.yaml ${CMAKE_CURRENT_BINARY_DIR}/${name}_kinds.h)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE rayvisor::sdk)
  target_link_options(${name} PRIVATE -Wl,-z,now,-z,relro -Wl,--exclude-libs,ALL)
  if(NOT "${CMAKE_C_FLAGS}" MATCHES "-fsanitize=") # a sanitizer's runtime is the host's
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  configure_file(${CMAKE_CURRENT_SOURCE_DIR}/${name}.yaml ${CMAKE_CURRENT_BINARY_DIR}/${name}.yaml COPYONLY)
  set_property(TARGET ${name} PROPERTY RAYVISOR_SOURCES "${ARGN}")
  include(GNUInstallDirs)
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/rayvisor/plugins)
  install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/${name}.yaml DESTINATION ${CMAKE_INSTALL_LIBDIR}/rayvisor/plugins)
endfunction()

# rayvisor_add_plugin_test(NAME TEST SOURCES...): a unit test of the plugin NAME, run by CTest as TEST with the path of
# the manifest as its argument. It is linked with the plugin's own sources and librayvisor-test: find_package() with the
# component test.
function(rayvisor_add_plugin_test name test)
  get_target_property(sources ${name} RAYVISOR_SOURCES)
  add_executable(${test} ${ARGN} ${sources})
  target_include_directories(${test} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${test} PRIVATE rayvisor::test rayvisor::sdk)
  add_test(NAME ${test} COMMAND ${test} ${CMAKE_CURRENT_SOURCE_DIR}/${name}.yaml)
endfunction()
