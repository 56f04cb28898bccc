# The cuda backend: what the library must know of its module, and the module itself, which alone needs CUDA.

# Library and module are one build's: both carry the version and a digest of what they tell each other.
set(LIKENESS_GPU_INTERFACE ${PROJECT_SOURCE_DIR}/layers/gpu.h ${PROJECT_SOURCE_DIR}/layers/gpu_args.h)
set(digests "")
foreach(header ${LIKENESS_GPU_INTERFACE})
  file(SHA256 ${header} digest)
  string(APPEND digests ${digest})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
endforeach()
string(SHA256 digest "${digests}")
string(SUBSTRING ${digest} 0 12 digest)
set(LIKENESS_GPU_BUILD "LK_GPU_BUILD=\"${PROJECT_VERSION} (interface ${digest})\"")

file(RELATIVE_PATH LIKENESS_LIB_FROM_BIN ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_source_files_properties(layers/gpu_module.c PROPERTIES
  COMPILE_DEFINITIONS "${LIKENESS_GPU_BUILD};LK_LIB_FROM_BIN=\"${LIKENESS_LIB_FROM_BIN}\"")
