"""LightGBM's own reader of numbers in data files, ``Atof``, operation by operation: wrong last bits included.

The text ends with a NUL, so that no function needs to know where it ends.
"""
from libc.math cimport NAN, isnan
from libc.stdint cimport uint64_t

from fasttrees._textio.cells cimport is_word
from fasttrees._textio.decimals cimport EXACT_TENS

cdef enum:
    EXACT_DIGITS = 15  # as many give the same number as an integer and as doubles, each rounded


cdef inline bint is_digit(char c) noexcept nogil:
    return b"0" <= c <= b"9"


cdef inline const char* read_digits(const char* at, double* number) noexcept nogil:
    """Read digits as ``Atof`` does, from the first on; none are zero."""
    cdef const char* last_exact = at + EXACT_DIGITS
    cdef uint64_t digits = 0
    while is_digit(at[0]) and at < last_exact:
        digits = 10 * digits + <uint64_t> (at[0] - 48)
        at += 1
    number[0] = <double> digits
    while is_digit(at[0]):
        number[0] = number[0] * 10.0 + (at[0] - 48)
        at += 1
    return at


cdef inline double power_of_ten(Py_ssize_t power) noexcept nogil:
    return EXACT_TENS[power] if power <= 22 else legacy_power(10.0, power)


cdef inline double legacy_power(double base, Py_ssize_t power) noexcept nogil:
    """The recursion of LightGBM's ``Pow``, which rounds in an order of its own."""
    if power == 0:
        return 1.0
    if power % 2 == 0:
        return legacy_power(base * base, power // 2)
    if power % 3 == 0:
        return legacy_power(base * base * base, power // 3)
    return base * legacy_power(base, power - 1)


cdef inline double legacy_scale(uint64_t exponent) noexcept nogil:
    cdef double scale = 1.0
    exponent = min(exponent, <uint64_t> 308)
    if exponent <= 22:
        return EXACT_TENS[exponent]
    while exponent >= 50:
        scale *= 1e50
        exponent -= 50
    while exponent >= 8:
        scale *= 1e8
        exponent -= 8
    while exponent > 0:
        scale *= 10.0
        exponent -= 1
    return scale


cdef inline const char* pass_spaces(const char* at) noexcept nogil:
    while at[0] == b" ":
        at += 1
    return at


cdef inline const char* legacy_number(const char* at, double* value, bint strict=True) noexcept nogil:
    """Read a number, or a missing value: nothing, or one of its words; return what follows it and the blanks behind.

    NULL for other text, and where ``Atof`` would make a number of text that is none: no digits in it; and, if `strict`,
    no digits in its exponent, an exponent beyond 32 bits, or so many digits that infinity is divided by infinity.
    """
    cdef const char* begin
    cdef double sign, right
    cdef uint64_t exponent = 0
    cdef Py_ssize_t n_digits
    cdef bint signed, shrinks
    at = pass_spaces(at)
    signed = at[0] == b"-" or at[0] == b"+"
    sign = -1.0 if at[0] == b"-" else 1.0
    at += signed
    begin = at
    if not (is_digit(at[0]) or at[0] == b"."):
        while at[0] and not (at[0] == b" " or b"\t" <= at[0] <= b"\r" or at[0] == b"," or at[0] == b":"):
            at += 1
        if at == begin and signed:
            return NULL
        value[0] = NAN
        if at != begin and not (
            is_word(begin, at, b"na", 2) or is_word(begin, at, b"nan", 3) or is_word(begin, at, b"null", 4)
        ):
            if not (is_word(begin, at, b"inf", 3) or is_word(begin, at, b"infinity", 8)):
                return NULL
            value[0] = sign * 1e308  # LightGBM's infinity in a file
        return pass_spaces(at)
    at = read_digits(at, value)
    n_digits = at - begin
    if at[0] == b".":
        begin = at + 1
        at = read_digits(begin, &right)
        value[0] += right / power_of_ten(at - begin)
        n_digits += at - begin
    if n_digits == 0:
        return NULL
    if at[0] == b"e" or at[0] == b"E":
        at += 1
        shrinks = at[0] == b"-"
        at += shrinks or at[0] == b"+"
        begin = at
        while is_digit(at[0]):
            exponent = 10 * exponent + <uint64_t> (at[0] - 48)
            if exponent >> 32:
                if strict:
                    return NULL
                exponent >>= 4  # far beyond what a double holds, and so it stays
            at += 1
        if at == begin and strict:
            return NULL
        value[0] = value[0] / legacy_scale(exponent) if shrinks else value[0] * legacy_scale(exponent)
    value[0] *= sign
    if strict and isnan(value[0]):
        return NULL
    return pass_spaces(at)
