# Where HiGHS is: HIGHS_ROOT, else the Python package highsbox of .venv or of python3. Its own CMake
# package names a wrong folder and its C++ symbols use the old ABI of libstdc++: an imported target
# (Dependencies.cmake) and the C API.
if(NOT HIGHS_ROOT)
  foreach(python "${COLOSSAL_PYTHON}" "${Python3_EXECUTABLE}")
    if(EXISTS "${python}" AND NOT HIGHS_ROOT)
      execute_process(COMMAND "${python}" -c "import highsbox; print(highsbox.highs_dist_dir(), end='')"
                      OUTPUT_VARIABLE HIGHS_ROOT ERROR_QUIET)
    endif()
  endforeach()
endif()
set(COLOSSAL_HIGHS_HINTS "${HIGHS_ROOT}/lib" "${HIGHS_ROOT}/lib64")
