# What `cmake --install` puts where: both libraries, the one public header, the command and its pages, and what
# pkg-config and find_package need to find them. All of it may be moved as a whole afterwards.
include(CMakePackageConfigHelpers)

set_target_properties(likeness_static PROPERTIES EXPORT_NAME static)
set_target_properties(likeness_shared PROPERTIES EXPORT_NAME shared)
install(TARGETS likeness_static EXPORT likeness_static)
install(TARGETS likeness_shared EXPORT likeness_shared)
install(FILES engine/likeness.h TYPE INCLUDE)
install(FILES LICENSE README.md CHANGELOG.md TYPE DOC)
if(TARGET likeness)
  install(TARGETS likeness)
endif()
install(FILES docs/likeness.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
install(FILES scripts/completion/likeness.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME likeness OPTIONAL)
install(FILES scripts/completion/_likeness DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions OPTIONAL)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/likeness)
install(EXPORT likeness_static NAMESPACE likeness:: DESTINATION ${package_dir} FILE likenessStatic.cmake)
install(EXPORT likeness_shared NAMESPACE likeness:: DESTINATION ${package_dir} FILE likenessShared.cmake)
write_basic_package_version_file(likenessConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/likenessConfig.cmake ${PROJECT_BINARY_DIR}/likenessConfigVersion.cmake
        DESTINATION ${package_dir})

file(RELATIVE_PATH PREFIX_FROM_PKGCONFIG ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/likeness.pc.in likeness.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/likeness.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
