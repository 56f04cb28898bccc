# A kernel file's ISA is the end of its name, and its flags belong to that file alone.
set(ISA_FLAGS_avx2 "-mavx2;-mfma;-mf16c")
set(ISA_FLAGS_avx512 "${ISA_FLAGS_avx2};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl")
set(ISA_FLAGS_avx512vpopcntdq "${ISA_FLAGS_avx512};-mavx512vpopcntdq")
set(ISA_FLAGS_avx512bf16 "${ISA_FLAGS_avx512};-mavx512bf16")

# Properties of source files end at a directory's border: each CMakeLists.txt that compiles kernels calls this for them.
function(likeness_isa_flags)
  foreach(isa avx2 avx512 avx512vpopcntdq avx512bf16)
    set(files ${ARGN})
    list(FILTER files INCLUDE REGEX "kernels/.*_${isa}\\.c$")
    set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${ISA_FLAGS_${isa}}")
  endforeach()
endfunction()
