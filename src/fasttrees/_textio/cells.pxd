"""The cells of delimited text, one at a time, without the GIL."""
from libc.math cimport INFINITY, NAN

from fasttrees._textio.lines cimport ends_line
from fasttrees._textio.numbers cimport PARSED, parse_double

cdef enum Problem:
    NONE
    BAD_NUMBER
    CELL_COUNT
    BLANK_LINE
    OPEN_QUOTE
    TEXT_AFTER_QUOTE
    NUL_BYTE


cdef inline const char* pass_blanks(const char* at, const char* end, char delimiter) noexcept nogil:
    while at < end and (at[0] == b" " or at[0] == b"\t") and at[0] != delimiter:
        at += 1
    return at


cdef inline bint starts_number(const char* at, const char* end) noexcept nogil:
    """Whether digits follow, after a sign perhaps: what from_chars takes beyond that is not all welcome in a table."""
    if at < end and (at[0] == b"-" or at[0] == b"+"):
        at += 1
    return at < end and (b"0" <= at[0] <= b"9" or at[0] == b".")


cdef inline bint is_word(const char* begin, const char* end, const char* word, Py_ssize_t length) noexcept nogil:
    """Whether the text is `word`, which is in lower case, in any case."""
    cdef Py_ssize_t i
    if end - begin != length:
        return False
    for i in range(length):
        if (begin[i] + 32 if b"A" <= begin[i] <= b"Z" else begin[i]) != word[i]:
            return False
    return True


cdef inline bint read_word(const char* begin, const char* end, double* value) noexcept nogil:
    """Read a cell that holds no digits: a missing value or an infinity."""
    cdef bint negative = begin < end and begin[0] == b"-"
    value[0] = NAN
    if begin == end or is_word(begin, end, b"na", 2) or is_word(begin, end, b"n/a", 3) \
            or is_word(begin, end, b"null", 4):
        return True
    if negative or begin[0] == b"+":
        begin += 1
    if is_word(begin, end, b"nan", 3):
        return True
    value[0] = -INFINITY if negative else INFINITY
    return is_word(begin, end, b"inf", 3) or is_word(begin, end, b"infinity", 8)


cdef inline bint read_text(const char* begin, const char* end, double* value) noexcept nogil:
    """Read the whole of a cell's text, quotes and blanks around it included."""
    cdef const char* stop
    if begin < end and begin[0] == b'"':
        begin += 1
        while (end - 1)[0] != b'"':
            end -= 1
        end -= 1
    begin = pass_blanks(begin, end, 0)
    while begin < end and ((end - 1)[0] == b" " or (end - 1)[0] == b"\t"):
        end -= 1
    if starts_number(begin, end):
        return parse_double(begin, end, value, &stop) == PARSED and stop == end
    return read_word(begin, end, value)


cdef inline Problem pass_cell(const char** place, const char* end, char delimiter) noexcept nogil:
    """Step from the start of a cell to the delimiter or line end after it."""
    cdef const char* at = pass_blanks(place[0], end, delimiter)
    cdef Problem problem = NONE
    if at < end and at[0] == b'"':
        at += 1
        while True:
            while at < end and at[0] != b'"' and at[0] != 0 and not ends_line(at[0]):
                at += 1
            if at == end or at[0] != b'"':
                problem = NUL_BYTE if at < end and at[0] == 0 else OPEN_QUOTE
                break
            at += 1
            if at == end or at[0] != b'"':  # a doubled quote stands for one
                break
            at += 1
        if problem == NONE:
            at = pass_blanks(at, end, delimiter)
            if at < end and at[0] != delimiter and not ends_line(at[0]):
                problem = TEXT_AFTER_QUOTE
    while at < end and at[0] != delimiter and not ends_line(at[0]):
        if at[0] == 0:
            problem = NUL_BYTE
        at += 1
    place[0] = at
    return problem


cdef inline Problem read_cell(const char** place, const char* end, char delimiter, double* value) noexcept nogil:
    """Read the number of a cell and step to the delimiter or line end after it; stay where a cell is bad."""
    cdef const char* begin = pass_blanks(place[0], end, delimiter)
    cdef const char* at
    cdef Problem problem
    if starts_number(begin, end):
        if parse_double(begin, end, value, &at) != PARSED:
            return BAD_NUMBER
        at = pass_blanks(at, end, delimiter)
        if at < end and at[0] != delimiter and not ends_line(at[0]):
            return BAD_NUMBER
    else:
        at = begin
        problem = pass_cell(&at, end, delimiter)
        if problem == NONE and not read_text(begin, at, value):
            problem = BAD_NUMBER
        if problem != NONE:
            return problem
    place[0] = at
    return NONE
