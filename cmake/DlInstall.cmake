# What `cmake --install` puts where: the command, the library, the headers, the standard library, and what find_package(dl)
# reads.
include(CMakePackageConfigHelpers)

set_target_properties(dl_runtime PROPERTIES EXPORT_NAME runtime)
install(TARGETS dl_command dl_engine dl_runtime EXPORT dlTargets
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
# `dl build` links these into native programs.
install(TARGETS dl_native_main ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/dl_runtime.link" DESTINATION "${CMAKE_INSTALL_LIBDIR}")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/include/dl" "${PROJECT_SOURCE_DIR}/compiler/include/dl"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/stdlib" DESTINATION "${CMAKE_INSTALL_DATADIR}/dl")

set(config_folder "${CMAKE_INSTALL_LIBDIR}/cmake/dl")
install(EXPORT dlTargets NAMESPACE dl:: DESTINATION "${config_folder}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/dlConfig.cmake.in" "${PROJECT_BINARY_DIR}/dlConfig.cmake"
  INSTALL_DESTINATION "${config_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/dlConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/dlConfig.cmake" "${PROJECT_BINARY_DIR}/dlConfigVersion.cmake"
  DESTINATION "${config_folder}")
