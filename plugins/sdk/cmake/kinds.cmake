# rayvisor_kinds(MANIFEST HEADER): makes a C header from a plugin's manifest: a constant KIND_<NAME> for each kind that
# it reads, a table of them for struct rv_plugin, and the plugin's name and version. It runs again when the manifest
# changes. As a script: cmake -DMANIFEST=x.yaml -DHEADER=x_kinds.h -P kinds.cmake
#
# It reads what it needs from the text: the keys of `primary` and of each entry of `reads`, in block or in flow style,
# one entry at a line start. What it cannot read it refuses; and the host compares the table with the manifest anyway.

cmake_policy(VERSION 3.25)

# The scalar value of a key in an entry's text; ret is empty when there is none.
function(_rayvisor_value ret text key)
  set(value "")
  if(text MATCHES "(^|[\n{,])[ \t-]*${key}:[ \t]*\"?([^],}\"\n#]*[^],}\"\n# \t])")
    set(value "${CMAKE_MATCH_2}")
  endif()
  set(${ret} "${value}" PARENT_SCOPE)
endfunction()

# RayCluster -> ray_cluster, HTTPRoute -> http_route, as supervisor/config/manifest.c does it.
function(_rayvisor_snake_case ret kind)
  string(REGEX REPLACE "([a-z0-9])([A-Z])" "\\1_\\2" kind "${kind}")
  string(REGEX REPLACE "([A-Z])([A-Z][a-z0-9])" "\\1_\\2" kind "${kind}")
  string(TOLOWER "${kind}" kind)
  set(${ret} "${kind}" PARENT_SCOPE)
endfunction()

# The texts of the entries, the primary one first, one in each element of the list ret; top is what else there is.
function(_rayvisor_entries ret ret_top manifest)
  file(READ "${manifest}" text)
  string(REPLACE ";" "\\;" text "${text}")
  string(REPLACE "[" "<" text "${text}") # brackets would join elements of a CMake list
  string(REPLACE "]" ">" text "${text}")
  string(REPLACE "\n" ";" lines "${text}")
  set(section "")
  set(entries "")
  set(entry "")
  set(top "")
  set(indent "none yet")
  foreach(line IN LISTS lines)
    if(line MATCHES "^[ \t]*(#|$)")
      continue()
    elseif(line MATCHES "^([A-Za-z]+):(.*)")
      if(NOT entry STREQUAL "")
        list(APPEND entries "${entry}")
      endif()
      set(section "${CMAKE_MATCH_1}")
      set(entry "")
      if(section STREQUAL "primary")
        set(entry "${CMAKE_MATCH_2}\n")
      elseif(section STREQUAL "reads" AND CMAKE_MATCH_2 MATCHES "{")
        message(FATAL_ERROR "${manifest}: each entry of reads must begin on a line of its own")
      endif()
      string(APPEND top "${line}\n")
    elseif(section STREQUAL "primary")
      string(APPEND entry "${line}\n")
    elseif(section STREQUAL "reads")
      string(REGEX REPLACE "[^ \t].*$" "" white "${line}")
      if(line MATCHES "^[ \t]*- " AND (indent STREQUAL "none yet" OR white STREQUAL indent))
        set(indent "${white}")
        if(NOT entry STREQUAL "")
          list(APPEND entries "${entry}")
        endif()
        set(entry "")
      endif()
      string(APPEND entry "${line}\n")
    endif()
  endforeach()
  if(NOT entry STREQUAL "")
    list(APPEND entries "${entry}")
  endif()
  set(${ret} "${entries}" PARENT_SCOPE)
  set(${ret_top} "${top}" PARENT_SCOPE)
endfunction()

function(rayvisor_kinds manifest header)
  get_filename_component(file "${manifest}" NAME)
  _rayvisor_entries(entries top "${manifest}")
  _rayvisor_value(plugin "${top}" name)
  _rayvisor_value(version "${top}" version)
  set(names "")
  set(constants "")
  set(table "")
  foreach(entry IN LISTS entries)
    foreach(key apiVersion resource kind name)
      _rayvisor_value(${key} "${entry}" ${key})
    endforeach()
    if(apiVersion STREQUAL "" OR resource STREQUAL "" OR kind STREQUAL "")
      message(FATAL_ERROR "${manifest}: no apiVersion, resource and kind, each on one line, in this entry:\n${entry}")
    endif()
    if(name STREQUAL "")
      _rayvisor_snake_case(name "${kind}")
    endif()
    if(name IN_LIST names OR NOT name MATCHES "^[a-z][a-z0-9_]*$")
      message(FATAL_ERROR "${manifest}: a kind has the name \"${name}\"; each needs one of its own, of lower-case letters, "
        "digits and '_': say name: in the entry of ${kind}")
    endif()
    list(APPEND names "${name}")
    string(TOUPPER "KIND_${name}" constant)
    string(APPEND constants "    ${constant},\n")
    string(APPEND table "    {\"${name}\", \"${apiVersion}\", \"${resource}\", \"${kind}\"},\n")
  endforeach()
  if(names STREQUAL "" OR plugin STREQUAL "" OR version STREQUAL "")
    message(FATAL_ERROR "${manifest}: no name, version and primary kind in it")
  endif()
  string(MAKE_C_IDENTIFIER "RAYVISOR_KINDS_${plugin}" guard)
  string(TOUPPER "${guard}" guard)
  set(text "/* Made from ${file}: the kinds of the plugin ${plugin}. Change the manifest instead. */
#ifndef ${guard}
#define ${guard}

#include <rayvisor/plugin.h>

#define RV_MANIFEST_NAME \"${plugin}\"
#define RV_MANIFEST_VERSION \"${version}\"

enum {
${constants}    KIND_COUNT
};

__attribute__((unused)) static const struct rv_kind rv_manifest_kinds[KIND_COUNT] = {
${table}};

#endif
")
  if(EXISTS "${header}")
    file(READ "${header}" old)
  endif()
  if(NOT "${old}" STREQUAL "${text}") # unchanged, it makes nothing be built again
    file(WRITE "${header}" "${text}")
  endif()
  if(NOT CMAKE_SCRIPT_MODE_FILE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${manifest}")
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE AND CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  if(NOT MANIFEST OR NOT HEADER)
    message(FATAL_ERROR "usage: cmake -DMANIFEST=x.yaml -DHEADER=x_kinds.h -P kinds.cmake")
  endif()
  rayvisor_kinds("${MANIFEST}" "${HEADER}")
endif()
