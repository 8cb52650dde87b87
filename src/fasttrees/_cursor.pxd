"""A place in a model file."""
from libc.stddef cimport size_t

from fasttrees._lines cimport is_line_end

cdef str shown(bytes text)

cdef inline bint is_word_end(const char* at, const char* end) noexcept nogil:
    return is_line_end(at, end) or at[0] == b" "

cdef class Cursor:
    cdef object data
    cdef const char* start
    cdef const char* at
    cdef const char* end
    cdef size_t line              # counted from 1
    cdef size_t carriage_returns  # of CRLF line ends so far: tree_sizes does not count them

    cdef bint at_end(self) noexcept
    cdef bint starts_with(self, bytes prefix) noexcept
    cdef size_t offset(self) noexcept
    cdef void pass_line_end(self) noexcept
    cdef void pass_blank_lines(self) noexcept
    cdef bytes take_line(self)
    cdef bytes take_key(self)
    cdef bytes word(self)
