# What the libraries need of others, for the build and for who uses an installed Colossal: this
# file is installed beside ColossalConfig.cmake.
#
#   MLIR_DIR, LLVM_DIR   CMake packages of LLVM 22; given, or in CMAKE_PREFIX_PATH, or those that
#                        llvm-config on the PATH names
#   HIGHS_LIBRARY        the solver's library
#
# The targets made here have no path of a machine in what is installed.

find_program(COLOSSAL_LLVM_CONFIG NAMES llvm-config-22 llvm-config DOC "llvm-config of LLVM 22")
set(colossal_llvm_hint "")
if(COLOSSAL_LLVM_CONFIG)
  execute_process(COMMAND "${COLOSSAL_LLVM_CONFIG}" --cmakedir
                  OUTPUT_VARIABLE colossal_llvm_hint OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT MLIR_FOUND)
  find_package(MLIR REQUIRED CONFIG HINTS "${colossal_llvm_hint}/../mlir")
endif()
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "found LLVM ${LLVM_PACKAGE_VERSION} in ${LLVM_DIR}, expected LLVM 22: set "
                      "MLIR_DIR to the folder of its MLIRConfig.cmake")
endif()

# MLIR is one shared library; its static archives are never mixed with it. Its headers are system
# headers, as those of all imported targets.
if(NOT TARGET colossal_mlir)
  add_library(colossal_mlir INTERFACE IMPORTED GLOBAL)
  target_include_directories(colossal_mlir INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_compile_definitions(colossal_mlir INTERFACE _GNU_SOURCE)
  target_link_libraries(colossal_mlir INTERFACE MLIR LLVM)
endif()

# lld's libraries are static (package liblld-22-dev) and use LLVM's shared library.
if(NOT TARGET colossal_lld)
  find_library(COLOSSAL_LLD_ELF lldELF HINTS "${LLVM_LIBRARY_DIR}" REQUIRED)
  find_library(COLOSSAL_LLD_COMMON lldCommon HINTS "${LLVM_LIBRARY_DIR}" REQUIRED)
  add_library(colossal_lld INTERFACE IMPORTED GLOBAL)
  target_link_libraries(colossal_lld INTERFACE "${COLOSSAL_LLD_ELF}" "${COLOSSAL_LLD_COMMON}")
endif()

if(NOT TARGET colossal_zip)
  find_library(ZIP_LIBRARY zip REQUIRED)
  add_library(colossal_zip INTERFACE IMPORTED GLOBAL)
  target_link_libraries(colossal_zip INTERFACE "${ZIP_LIBRARY}")
endif()

if(NOT TARGET highs)
  find_library(HIGHS_LIBRARY highs HINTS ${COLOSSAL_HIGHS_HINTS})
  if(NOT HIGHS_LIBRARY)
    message(FATAL_ERROR "found no HiGHS: install highsbox==1.15.1 into .venv, or set HIGHS_ROOT")
  endif()
  add_library(highs SHARED IMPORTED GLOBAL)
  set_target_properties(highs PROPERTIES IMPORTED_LOCATION "${HIGHS_LIBRARY}")
endif()

# Run alone needs MPI, and FindMPI a project with the language C.
get_property(colossal_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if("C" IN_LIST colossal_languages AND NOT TARGET MPI::MPI_C)
  find_package(MPI COMPONENTS C)
endif()
