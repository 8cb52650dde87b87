"""The ends of cells, found ahead of their text, and numbers of up to 19 digits: nearly all that most tables hold.

Sign, point and length differ from cell to cell. A processor that has to guess them guesses wrong in every other cell,
and one that waits for the end of a cell before it begins the next does one thing at a time. So ends are found first, 64
characters at once, and numbers are read backwards from them, with few branches but whether a cell is one of this kind.
"""
cdef extern from "fasttrees/_textio/native/short_numbers.hpp":
    enum:
        SCAN "FASTTREES_SCAN"
        NUMBER_BYTES "FASTTREES_LONG_BYTES"
    struct Ends "fasttrees_ends":
        pass
    void find_ends "fasttrees_find_ends"(Ends* ends, const char* at, char delimiter) noexcept nogil
    const char* take_end "fasttrees_take_end"(Ends* ends, const char* text_end, char delimiter) noexcept nogil
    bint read_number_before "fasttrees_number_before"(const char* begin, const char* end, double* value) noexcept nogil
