"""Line ends of text in memory: LF, CRLF or CR."""

cdef inline bint ends_line(char c) noexcept nogil:
    return c == b"\n" or c == b"\r"


cdef inline bint is_line_end(const char* at, const char* end) noexcept nogil:
    return at == end or ends_line(at[0])


cdef inline const char* pass_line_end(const char* at, const char* end) noexcept nogil:
    """Step over one line end, if there is one."""
    if at < end:
        at += 2 if at[0] == b"\r" and at + 1 < end and at[1] == b"\n" else 1
    return at
