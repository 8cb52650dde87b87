"""A place in a model file."""
from libc.stddef cimport size_t

cdef str shown(bytes text)

cdef class Cursor:
    cdef object data
    cdef const char* start
    cdef const char* at
    cdef const char* end
    cdef size_t line              # counted from 1
    cdef size_t carriage_returns  # of CRLF line ends so far: tree_sizes does not count them

    cdef bint at_end(self) noexcept nogil
    cdef bint starts_with(self, const char* prefix, size_t length) noexcept nogil
    cdef size_t offset(self) noexcept nogil
    cdef void pass_line(self) noexcept nogil
    cdef void pass_line_end(self) noexcept nogil
    cdef void pass_blank_lines(self) noexcept nogil
    cdef bytes take_line(self)
    cdef bytes word(self)
