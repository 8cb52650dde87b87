"""XXH64: a checksum as fast as memory, for compact files. It is a public standard; ``xxhsum -H1`` prints it."""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef uint64_t PRIME_1 = 0x9E3779B185EBCA87
cdef uint64_t PRIME_2 = 0xC2B2AE3D27D4EB4F
cdef uint64_t PRIME_3 = 0x165667B19E3779F9
cdef uint64_t PRIME_4 = 0x85EBCA77C2B2AE63
cdef uint64_t PRIME_5 = 0x27D4EB2F165667C5

cdef enum:
    STRIPE = 32  # bytes taken at once, a word for each of four lanes


cdef inline uint64_t rotated(uint64_t value, int bits) noexcept nogil:
    return value << bits | value >> (64 - bits)


cdef inline uint64_t mixed(uint64_t lane, uint64_t word) noexcept nogil:
    return rotated(lane + word * PRIME_2, 31) * PRIME_1


cdef inline uint64_t merged(uint64_t value, uint64_t lane) noexcept nogil:
    return (value ^ mixed(0, lane)) * PRIME_1 + PRIME_4


cdef inline uint64_t word_at(const uint8_t* data) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, data, sizeof(word))
    return word


cdef uint64_t hash_of(const uint8_t* data, size_t size) noexcept nogil:
    cdef const uint8_t* end = data + size
    cdef uint64_t a = PRIME_1 + PRIME_2, b = PRIME_2, c = 0, d = 0 - PRIME_1
    cdef uint64_t value = PRIME_5
    cdef uint32_t half
    if size >= STRIPE:
        while end - data >= STRIPE:
            a = mixed(a, word_at(data))
            b = mixed(b, word_at(data + 8))
            c = mixed(c, word_at(data + 16))
            d = mixed(d, word_at(data + 24))
            data += STRIPE
        value = rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18)
        value = merged(merged(merged(merged(value, a), b), c), d)
    value += size
    while end - data >= 8:
        value = rotated(value ^ mixed(0, word_at(data)), 27) * PRIME_1 + PRIME_4
        data += 8
    if end - data >= 4:
        memcpy(&half, data, sizeof(half))
        value = rotated(value ^ half * PRIME_1, 23) * PRIME_2 + PRIME_3
        data += 4
    while data < end:
        value = rotated(value ^ data[0] * PRIME_5, 11) * PRIME_1
        data += 1
    value = (value ^ value >> 33) * PRIME_2
    value = (value ^ value >> 29) * PRIME_3
    return value ^ value >> 32


def xxh64(data):
    """Compute the XXH64 checksum of some bytes, with seed 0; its words are in this machine's byte order.

    Parameters
    ----------
    data : C-contiguous bytes-like

    Returns
    -------
    int
    """
    cdef Py_buffer view
    cdef uint64_t value
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    with nogil:
        value = hash_of(<const uint8_t*> view.buf, view.len)
    PyBuffer_Release(&view)
    return value
