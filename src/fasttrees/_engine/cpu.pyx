"""What the processor can run, as the C compiler's own run-time check says: the operating system's support included."""

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    static int fasttrees_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"); }
    static int fasttrees_has_avx512(void) {
        return fasttrees_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    }
    #else
    static int fasttrees_has_avx2(void) { return 0; }
    static int fasttrees_has_avx512(void) { return 0; }
    #endif
    """
    bint fasttrees_has_avx2() nogil
    bint fasttrees_has_avx512() nogil


def has_avx2():
    """Whether AVX2 and BMI2 work."""
    return fasttrees_has_avx2()


def has_avx512():
    """Whether the parts of AVX-512 that the x86-64-v4 level has work."""
    return fasttrees_has_avx512()
