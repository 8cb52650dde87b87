"""Steps through the bytes of a model file, line by line and word by word. It knows line ends, and no key."""
from libc.stddef cimport size_t
from libc.string cimport memcmp

from fasttrees._textio.lines cimport is_line_end, is_word_end, pass_line_end

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX


cdef str shown(bytes text):
    """Text of a file for an error message: one short line."""
    return repr(text[:60].decode("utf-8", "replace")) + (" ..." if len(text) > 60 else "")


cdef class Cursor:
    """A place in the text of a model file, or in a piece of it, and the number of its line there."""

    def __init__(self, bytes data not None, Py_ssize_t begin=0, Py_ssize_t end=PY_SSIZE_T_MAX):
        self.data = data
        self.start = data
        self.at = self.start + begin
        self.end = self.start + min(len(data), end)
        self.line = 1

    cdef bint at_end(self) noexcept nogil:
        return self.at == self.end

    cdef bint starts_with(self, const char* prefix, size_t length) noexcept nogil:
        return <size_t> (self.end - self.at) >= length and memcmp(self.at, prefix, length) == 0

    cdef size_t offset(self) noexcept nogil:
        """Bytes so far, as LightGBM counted them: each line end is one byte."""
        return (self.at - self.start) - self.carriage_returns

    cdef void pass_line_end(self) noexcept nogil:
        """Step over the line end at which the cursor stands, if there is one."""
        cdef const char* after = pass_line_end(self.at, self.end)
        self.carriage_returns += after - self.at == 2
        self.line += after > self.at
        self.at = after

    cdef void pass_blank_lines(self) noexcept nogil:
        while self.at < self.end and is_line_end(self.at, self.end):
            self.pass_line_end()

    cdef void pass_line(self) noexcept nogil:
        """Step to the next line."""
        while not is_line_end(self.at, self.end):
            self.at += 1
        self.pass_line_end()

    cdef bytes take_line(self):
        """The rest of the line, without its end; the cursor moves to the next line."""
        cdef const char* line_end = self.at
        while not is_line_end(line_end, self.end):
            line_end += 1
        line = self.at[:line_end - self.at]
        self.at = line_end
        self.pass_line_end()
        return line

    cdef bytes word(self):
        """The text between the blanks around the cursor, for an error message."""
        cdef const char* stop = self.at
        while not is_word_end(stop, self.end):
            stop += 1
        return self.at[:stop - self.at]
