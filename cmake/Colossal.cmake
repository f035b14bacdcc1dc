# Building blocks shared by all folders: one function per kind of target.
#
#   colossal_passes(Phase)
#   colossal_library(Name SOURCES a.cpp... [MLIR] [LINKS lib...] [EXCEPTIONS] [INTERNAL])
#   colossal_tool(name SOURCES main.cpp... [MLIR] [LINKS lib...] [EXCEPTIONS] [INTERNAL])
#   colossal_unit_test(Name SOURCES a.cpp... [MLIR] [LINKS lib...] [EXCEPTIONS])
#
# MLIR: the target uses MLIR (system includes, the dylib, the shared precompiled
# header). EXCEPTIONS: allowed in lib/Import, lib/Run and Run folders of whole ops only
# (and their tests). Libraries and tools are installed (Install.cmake); INTERNAL: not this one.

set(COLOSSAL_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter
    -Wno-missing-field-initializers -Wno-c++20-extensions)
set(COLOSSAL_INCLUDES "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/dialects"
    "${CMAKE_BINARY_DIR}/include" "${CMAKE_BINARY_DIR}/dialects")
# Installed tools look for libraries beside themselves, then where LLVM is.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}" "${LLVM_LIBRARY_DIR}")

function(colossal_setup target)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS" "" "LINKS" ${ARGN})
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${COLOSSAL_INCLUDES}>"
                             "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  # -fPIC for executables too: they share the precompiled header of the libraries.
  target_compile_options(${target} PRIVATE -fPIC ${COLOSSAL_WARNINGS})
  if(NOT ARG_EXCEPTIONS)
    target_compile_options(${target} PRIVATE -fno-exceptions)
  endif()
  if(ARG_LINKS)
    target_link_libraries(${target} PUBLIC ${ARG_LINKS})
  endif()
  if(ARG_MLIR)
    target_link_libraries(${target} PUBLIC colossal_mlir)
    if(TARGET ColossalPrecompiled AND NOT ARG_EXCEPTIONS)
      target_precompile_headers(${target} REUSE_FROM ColossalPrecompiled)
    endif()
    if(TARGET ColossalDialectIncGen)
      add_dependencies(${target} ColossalDialectIncGen)
    endif()
  endif()
endfunction()

# include/colossal/<phase>/Passes.td: its header, made by the target
# Colossal<phase>PassIncGen.
function(colossal_passes phase)
  include_directories(SYSTEM ${MLIR_INCLUDE_DIRS})
  set(LLVM_TARGET_DEFINITIONS "${CMAKE_SOURCE_DIR}/include/colossal/${phase}/Passes.td")
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/include/colossal/${phase}")
  mlir_tablegen("${CMAKE_BINARY_DIR}/include/colossal/${phase}/Passes.h.inc" -gen-pass-decls -name ${phase})
  add_public_tablegen_target(Colossal${phase}PassIncGen)
endfunction()

function(colossal_library name)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS;INTERNAL" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  set(flags)
  foreach(flag MLIR EXCEPTIONS)
    if(ARG_${flag})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  colossal_setup(${name} ${flags} LINKS ${ARG_LINKS})
  if(NOT ARG_INTERNAL)
    string(REGEX REPLACE "^Colossal" "" short "${name}")
    set_target_properties(${name} PROPERTIES EXPORT_NAME "${short}")
    install(TARGETS ${name} EXPORT ColossalTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  endif()
endfunction()

function(colossal_tool name)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS;INTERNAL" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  set(flags)
  foreach(flag MLIR EXCEPTIONS)
    if(ARG_${flag})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  colossal_setup(${name} ${flags} LINKS ${ARG_LINKS})
  target_link_options(${name} PRIVATE -fuse-ld=lld)
  if(NOT ARG_INTERNAL)
    install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endfunction()

function(colossal_unit_test name)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS" "" "SOURCES;LINKS" ${ARGN})
  set(flags)
  foreach(flag MLIR EXCEPTIONS)
    if(ARG_${flag})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/unit")
  colossal_setup(${name} ${flags} LINKS ${ARG_LINKS} GTest::gtest GTest::gtest_main)
  target_link_options(${name} PRIVATE -fuse-ld=lld)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
