"""Short decimal text to numbers, eight digits at a time: quick where the result is beyond doubt, no answer elsewhere.

The numbers of a model file are nearly all of this kind; ``_textio/numbers.pxd`` leaves the others to the C++ library.
"""
from libc.stdint cimport int32_t, uint32_t

cdef extern from "fasttrees/_textio/native/decimals.hpp":
    bint quick_double "fasttrees_quick"(
        const char* begin, const char* end, double* value, const char** stop) noexcept nogil
    const double* EXACT_TENS "fasttrees_exact_tens"  # to the power of 22
    bint word_to_int32 "fasttrees_word<int32_t>"(const char* at, const char* stop, int32_t* value) noexcept nogil
    bint word_to_uint32 "fasttrees_word<uint32_t>"(const char* at, const char* stop, uint32_t* value) noexcept nogil
