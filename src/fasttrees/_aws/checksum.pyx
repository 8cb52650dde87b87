"""The two checksums of S3 that Python's standard library lacks, continued like :func:`zlib.crc32`.

CRC-64/NVME is what S3 itself stores with an object whose sender gave no checksum.
"""

from libc.stdint cimport uint8_t, uint64_t

# Polynomials with their lowest power in the highest bit, because the registers shift to the right.
cdef enum:
    STEP = 8  # bytes processed at once: their look-ups are independent
cdef uint64_t CRC32C = 0x82F63B78
cdef uint64_t CRC64NVME = 0x9A6C9329AC4BC9B5

ctypedef uint64_t[STEP][256] Table

cdef Table crc32c_table
cdef Table crc64nvme_table


cdef void fill(Table table, uint64_t polynomial) noexcept nogil:
    """Fill row k with the register of each byte that is followed by k zero bytes."""
    cdef uint64_t value
    cdef int byte, bit, row
    for byte in range(256):
        value = <uint64_t> byte
        for bit in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table[0][byte] = value
    for row in range(1, STEP):
        for byte in range(256):
            value = table[row - 1][byte]
            table[row][byte] = (value >> 8) ^ table[0][value & 0xFF]


fill(crc32c_table, CRC32C)
fill(crc64nvme_table, CRC64NVME)


cdef uint64_t run(Table table, const uint8_t* data, Py_ssize_t size, uint64_t value) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef int k
    cdef uint64_t word, folded
    while i + STEP <= size:
        word = 0
        for k in range(STEP):
            word |= <uint64_t> data[i + k] << (8 * k)
        word ^= value
        folded = 0
        for k in range(STEP):
            folded ^= table[STEP - 1 - k][(word >> (8 * k)) & 0xFF]
        value = folded
        i += STEP
    while i < size:
        value = (value >> 8) ^ table[0][(value ^ data[i]) & 0xFF]
        i += 1
    return value


def crc32c(const uint8_t[::1] data not None, uint64_t value=0):
    """Continue the CRC-32C `value` of the bytes before with `data`.

    Parameters
    ----------
    data : bytes-like
    value : int, default 0
        The checksum of the bytes before; 0 if there are none.

    Returns
    -------
    int
    """
    cdef uint64_t state = value ^ 0xFFFFFFFF
    if data.shape[0]:
        with nogil:
            state = run(crc32c_table, &data[0], data.shape[0], state)
    return state ^ 0xFFFFFFFF


def crc64nvme(const uint8_t[::1] data not None, uint64_t value=0):
    """Continue the CRC-64/NVME `value` of the bytes before with `data`.

    Parameters
    ----------
    data : bytes-like
    value : int, default 0
        The checksum of the bytes before; 0 if there are none.

    Returns
    -------
    int
    """
    cdef uint64_t state = ~value
    if data.shape[0]:
        with nogil:
            state = run(crc64nvme_table, &data[0], data.shape[0], state)
    return ~state
