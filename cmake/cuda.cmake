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
# What the one file that looks for the module is compiled with; to be called in each folder that compiles it.
function(likeness_gpu_definitions)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/layers/gpu_module.c PROPERTIES
    COMPILE_DEFINITIONS "${LIKENESS_GPU_BUILD};LK_LIB_FROM_BIN=\"${LIKENESS_LIB_FROM_BIN}\"")
endfunction()
likeness_gpu_definitions()

if(LIKENESS_CUDA)
  # SASS for each, and PTX of the last for what comes after it.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100)
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit 13.0 REQUIRED)
  set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -DNDEBUG")
  add_library(likeness_cuda MODULE layers/kernels/cuda/module.cu layers/kernels/cuda/kernels.cu)
  set_target_properties(likeness_cuda PROPERTIES CUDA_STANDARD 17 CUDA_RUNTIME_LIBRARY Static)
  target_include_directories(likeness_cuda PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(likeness_cuda PRIVATE ${LIKENESS_GPU_BUILD})
  # As on the CPU: a product and a sum are fused where the source says fmaf, and division is IEEE's.
  target_compile_options(likeness_cuda PRIVATE --fmad=false -Xcompiler=-Wall,-Wextra,-fvisibility=hidden
    $<$<BOOL:${LIKENESS_WERROR}>:--Werror=all-warnings>)
  target_link_libraries(likeness_cuda PRIVATE ${CMAKE_DL_LIBS})
  target_link_options(likeness_cuda PRIVATE -static-libgcc -static-libstdc++)
  install(TARGETS likeness_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  message(STATUS "cuda backend: liblikeness_cuda.so, CUDA ${CUDAToolkit_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")
endif()
