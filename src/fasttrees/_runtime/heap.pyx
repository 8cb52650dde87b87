"""The C library's heap, from which the arrays of models come."""

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static void fasttrees_trim(void) { malloc_trim(0); }
    static void fasttrees_keep(int bytes) {
        mallopt(M_MMAP_THRESHOLD, bytes);
        mallopt(M_TRIM_THRESHOLD, 2 * bytes);
    }
    #else
    static void fasttrees_trim(void) {}
    static void fasttrees_keep(int) {}
    #endif
    """
    void trim "fasttrees_trim"() nogil
    void keep "fasttrees_keep"(int size) nogil


def release_memory():
    """Return freed memory to the system, if the C library would keep it for later use."""
    with nogil:
        trim()


def keep_blocks(int size):
    """Let the C library keep blocks of memory of up to `size` bytes for later, when they are freed.

    Else it gives them back to the system, and the system clears each page anew when the next block is wanted.
    """
    keep(size)
