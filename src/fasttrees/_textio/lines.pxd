"""Lines and words of text in memory: lines end with LF, CRLF or CR, words with blanks."""
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum:
    CHUNK = 64  # bytes that are treated together


cdef extern from "fasttrees/_textio/native/lines.hpp":
    uint64_t separators "fasttrees_separators"(const char* at) noexcept nogil
    int first_bit "fasttrees_first_bit"(uint64_t bits) noexcept nogil


cdef inline bint ends_line(char c) noexcept nogil:
    return c == b"\n" or c == b"\r"


cdef inline bint is_line_end(const char* at, const char* end) noexcept nogil:
    return at == end or ends_line(at[0])


cdef inline const char* pass_line_end(const char* at, const char* end) noexcept nogil:
    """Step over one line end, if there is one."""
    if at < end:
        at += 2 if at[0] == b"\r" and at + 1 < end and at[1] == b"\n" else 1
    return at


cdef inline bint is_word_end(const char* at, const char* end) noexcept nogil:
    return is_line_end(at, end) or at[0] == b" "


cdef inline bint is_of_number(char c) noexcept nogil:
    """Whether a number may have this character: digits, signs, point, exponent, and the letters of inf and nan."""
    return b"0" <= c <= b"9" or c in b"+-.einfatyEINFATY"


cdef inline bint is_plain(uint8_t c) noexcept nogil:
    """Whether nearly all lists of numbers consist of this character. Without branches, so that loops vectorise."""
    return (<uint8_t> (c - 43) <= 14) & (c != 44) & (c != 47) | (c == 32) | (c == 101)  # + - . 0 to 9, blank, e


cdef inline bint starts_word(uint8_t before, uint8_t c) noexcept nogil:
    return (c != 32) & ((before == 32) | (before == 61))  # behind a blank or the key's '='


cdef inline const char* count_words(const char* at, const char* end, int64_t* count) noexcept nogil:
    """Count the words from behind a key's '=' to the line's end, where this returns.

    Returns earlier, at the start of the word, if a word has a character that no number has; it is counted.
    """
    cdef const uint8_t* text
    cdef uint8_t strange, starts
    cdef int i
    count[0] = 0
    while end - at >= CHUNK:
        text = <const uint8_t*> at
        strange = starts = 0
        for i in range(CHUNK):
            strange |= not is_plain(text[i])
            starts += starts_word(text[i - 1], text[i])
        if strange:
            break
        count[0] += starts
        at += CHUNK
    while not is_line_end(at, end):
        count[0] += starts_word((at - 1)[0], at[0])
        if at[0] != b" " and not is_of_number(at[0]):
            while not starts_word((at - 1)[0], at[0]):
                at -= 1
            break
        at += 1
    return at
