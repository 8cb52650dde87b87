"""The C library's heap, from which the arrays of models come."""

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static void fasttrees_trim(void) { malloc_trim(0); }
    #else
    static void fasttrees_trim(void) {}
    #endif
    """
    void trim "fasttrees_trim"() nogil


def release_memory():
    """Give memory that was freed back to the system, where the C library would keep it for later."""
    with nogil:
        trim()
