"""Decimal text to numbers and back, correctly rounded, independent of the locale and without the GIL.

The conversions are the C++ library's ``from_chars`` and ``to_chars``, exact and kept by others. A quicker way goes
first, which answers only where it gives the same.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint32_t

from fasttrees._textio.decimals cimport quick_double

cdef extern from "fasttrees/_textio/native/numbers.hpp":
    cdef enum:
        PARSED "FASTTREES_PARSED"
        NOT_A_NUMBER "FASTTREES_NOT_A_NUMBER"
        OUT_OF_RANGE "FASTTREES_OUT_OF_RANGE"

    int parse_int32 "fasttrees_parse<int32_t>"(
        const char* begin, const char* end, int32_t* value, const char** stop) noexcept nogil
    int parse_uint32 "fasttrees_parse<uint32_t>"(
        const char* begin, const char* end, uint32_t* value, const char** stop) noexcept nogil
    int convert_double "fasttrees_parse<double>"(
        const char* begin, const char* end, double* value, const char** stop) noexcept nogil
    # The shortest digits that read back to the same value; the caller leaves room for at least 32 characters.
    char* format_double "fasttrees_format<double>"(char* begin, char* end, double value) noexcept nogil
    char* format_int32 "fasttrees_format<int32_t>"(char* begin, char* end, int32_t value) noexcept nogil


cdef inline double round_out_of_range(const char* begin, size_t length) noexcept with gil:
    """Infinity, zero or the subnormal that text beyond the range of doubles rounds to: rare, so left to Python."""
    return float(begin[:length])


cdef inline int parse_double(const char* begin, const char* end, double* value, const char** stop) noexcept nogil:
    """Read one double as ``strtod`` in the C locale does, but decimal only: a sign, digits, ``inf`` or ``nan``."""
    cdef int status
    if quick_double(begin, end, value, stop):
        return PARSED
    if begin < end and begin[0] == b"+":  # from_chars knows no plus sign
        begin += 1
        if begin < end and begin[0] == b"-":
            stop[0] = begin
            return NOT_A_NUMBER
    status = convert_double(begin, end, value, stop)
    if status == OUT_OF_RANGE:
        value[0] = round_out_of_range(begin, stop[0] - begin)
        return PARSED
    return status
