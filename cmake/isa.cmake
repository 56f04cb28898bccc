# A kernel file's ISA is the end of its name, and its flags belong to that file alone.
set(ISA_FLAGS_avx2 "-mavx2;-mfma;-mf16c")
set(ISA_FLAGS_avxvnni "${ISA_FLAGS_avx2};-mavxvnni")
set(ISA_FLAGS_avx512 "${ISA_FLAGS_avx2};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl")
set(ISA_FLAGS_avx512vnni "${ISA_FLAGS_avx512};-mavx512vnni;-mavx512vbmi")
set(ISA_FLAGS_avx512vpopcntdq "${ISA_FLAGS_avx512};-mavx512vpopcntdq")
set(ISA_FLAGS_avx512bf16 "${ISA_FLAGS_avx512};-mavx512bf16")
# LK_NEON tells layers/kernels/vector.h that intrinsics are wanted. Scheduling before registers are given out, which gcc does for arm64
# alone, keeps more vectors alive than there are registers.
set(ISA_FLAGS_neon "-DLK_NEON;$<$<C_COMPILER_ID:GNU>:-fno-schedule-insns>")
set(ISA_FLAGS_neondot "${ISA_FLAGS_neon};-march=armv8.2-a+dotprod")

set(X86_ISAS avx2 avxvnni avx512 avx512vnni avx512vpopcntdq avx512bf16)
set(ARM_ISAS neon neondot)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(ISAS ${X86_ISAS})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  set(ISAS ${ARM_ISAS})
endif()

# Takes the kernels of other processors from a list of files.
function(likeness_isa_files list)
  set(files ${${list}})
  foreach(isa ${X86_ISAS} ${ARM_ISAS})
    if(NOT isa IN_LIST ISAS)
      list(FILTER files EXCLUDE REGEX "kernels/.*_${isa}\\.c$")
    endif()
  endforeach()
  set(${list} ${files} PARENT_SCOPE)
endfunction()

# Properties of source files end at a directory's border: each CMakeLists.txt that compiles kernels calls this for them.
function(likeness_isa_flags)
  foreach(isa ${ISAS})
    set(files ${ARGN})
    list(FILTER files INCLUDE REGEX "kernels/.*_${isa}\\.c$")
    set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${ISA_FLAGS_${isa}}")
  endforeach()
endfunction()
