# The project's Python environment (.venv, made by scripts/setup.sh) and what the build takes from it.
#
#   COLOSSAL_PYTHON         interpreter for tests and examples
#   COLOSSAL_SITE_PACKAGES  its site-packages (empty without .venv)
#   COLOSSAL_TORCH_PREFIX   what torch.utils.cmake_prefix_path says (empty without torch)

set(COLOSSAL_VENV "${CMAKE_SOURCE_DIR}/.venv" CACHE PATH "Python environment made by scripts/setup.sh")
if(EXISTS "${COLOSSAL_VENV}/bin/python")
  set(COLOSSAL_PYTHON "${COLOSSAL_VENV}/bin/python")
else()
  set(COLOSSAL_PYTHON "${Python3_EXECUTABLE}")
endif()
file(GLOB COLOSSAL_SITE_PACKAGES "${COLOSSAL_VENV}/lib/python3*/site-packages")
set(COLOSSAL_TORCH_PREFIX "")
if(COLOSSAL_SITE_PACKAGES AND EXISTS "${COLOSSAL_SITE_PACKAGES}/torch/share/cmake")
  set(COLOSSAL_TORCH_PREFIX "${COLOSSAL_SITE_PACKAGES}/torch/share/cmake")
endif()
