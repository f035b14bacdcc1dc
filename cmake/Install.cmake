# What `cmake --install` gives: bin/ the tools, lib/ the libraries, include/ their headers,
# lib/cmake/Colossal the package. A target is installed by being made with colossal_library or
# colossal_tool (Colossal.cmake); here is the rest.
include(CMakePackageConfigHelpers)

set(colossal_package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Colossal")
install(EXPORT ColossalTargets NAMESPACE Colossal:: DESTINATION "${colossal_package_folder}")
configure_package_config_file(cmake/ColossalConfig.cmake.in
  "${CMAKE_BINARY_DIR}/cmake/ColossalConfig.cmake" INSTALL_DESTINATION "${colossal_package_folder}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/cmake/ColossalConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/cmake/ColossalConfig.cmake"
  "${CMAKE_BINARY_DIR}/cmake/ColossalConfigVersion.cmake" cmake/Dependencies.cmake
  DESTINATION "${colossal_package_folder}")

# Written and generated headers, and the definitions that another dialect may include.
install(DIRECTORY include/colossal "${CMAKE_BINARY_DIR}/include/colossal"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h" PATTERN "*.inc" PATTERN "*.td" PATTERN CMakeFiles EXCLUDE)
install(DIRECTORY dialects/Colossal dialects/Rank "${CMAKE_BINARY_DIR}/dialects/Colossal" "${CMAKE_BINARY_DIR}/dialects/Rank"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h" PATTERN "*.inc" PATTERN "*.td" PATTERN CMakeFiles EXCLUDE)

# The solver is not in the system's folders; the tools look beside themselves.
install(PROGRAMS "${HIGHS_LIBRARY}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
