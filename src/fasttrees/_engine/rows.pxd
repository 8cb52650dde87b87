"""Rows of numbers in somebody else's memory, and how the kernels read them: a table, or columns each of its own."""
from cpython.buffer cimport Py_buffer
from libc.math cimport NAN, fabs
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

cdef extern from "fasttrees/_engine/native/rows.hpp":
    const double ZERO_THRESHOLD "FASTTREES_ZERO_THRESHOLD"

cdef extern from "fasttrees/_engine/native/rows.hpp":
    void prefetch "FASTTREES_PREFETCH"(const void* address) noexcept nogil

cdef enum:
    AHEAD = 16  # columns to fetch from memory ahead of those read; beyond the last column it does no harm

cdef enum Layout:
    FLOAT64_TABLE
    FLOAT32_TABLE
    COLUMNS

cdef enum Item:
    FLOAT64
    FLOAT32
    INT8
    UINT8
    INT16
    UINT16
    INT32
    UINT32
    INT64
    UINT64
    BIT  # least significant first

cdef struct Cells:
    # One column of one batch of rows.
    const char* data
    Py_ssize_t stride     # bytes from row to row
    Item item
    bint is_code          # negative: missing
    const uint8_t* valid  # a bit for each row, 0: missing; NULL if none is
    Py_ssize_t bit        # of the first row in `valid`, and in `data` if the items are bits

cdef struct Rows:
    Layout layout
    Py_ssize_t n_rows
    Py_ssize_t n_columns
    bint keeps_near_zero           # whether LightGBM's trees see values within the zero limit as they are
    # Of a table.
    const char* data
    Py_ssize_t row_stride     # bytes
    Py_ssize_t column_stride  # bytes
    # Of columns: rows come in batches, one after the other.
    const Cells* cells              # by batch and column
    const Py_ssize_t* batch_begin   # first row of each batch, and n_rows
    Py_ssize_t n_batches

cdef str format_of(const Py_buffer* view)
cdef char type_code(const Py_buffer* view) noexcept
cdef bint find_rows(const Py_buffer* view, Rows* rows) noexcept
cdef Cells zero_cells() noexcept
cdef bint overlap(const Rows* rows, const Py_buffer* out) noexcept

cdef class RowBuffer:
    cdef Py_buffer view
    cdef bint held
    cdef Rows rows

cdef class ColumnRows(RowBuffer):
    cdef vector[Cells] cells
    cdef vector[Py_ssize_t] batch_begin
    cdef object held_columns

    cdef finish(self, Py_ssize_t n_columns)


cdef inline double round_to_zero(double value) noexcept nogil:
    """LightGBM makes values within the zero limit +0.0 before its trees see them, of most kinds of rows."""
    return 0.0 if fabs(value) <= ZERO_THRESHOLD else value


# -- columns ----------------------------------------------------------------------------------------------------------

ctypedef fused Number:
    float
    double
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t


cdef inline void widen(const Number* _, const char* data, Py_ssize_t stride, int n, double* out) noexcept nogil:
    """Copy numbers, aligned or not, as doubles."""
    cdef Number number
    cdef int i
    if stride == <Py_ssize_t> sizeof(Number):  # a constant, so that the loop becomes one over vectors
        for i in range(n):
            memcpy(&number, data + i * sizeof(Number), sizeof(Number))
            out[i] = <double> number
    else:
        for i in range(n):
            memcpy(&number, data + i * stride, sizeof(Number))
            out[i] = <double> number


cdef inline bint bit_of(const uint8_t* bits, Py_ssize_t number) noexcept nogil:
    return bits[number >> 3] >> (number & 7) & 1


cdef inline void copy_cells(const Cells* cells, Py_ssize_t first, int n, double* out) noexcept nogil:
    """Copy rows of one column of a batch."""
    cdef const char* data = cells.data + (0 if cells.item == BIT else first * cells.stride)
    cdef int i
    if cells.item == FLOAT64:
        widen(<const double*> NULL, data, cells.stride, n, out)
    elif cells.item == FLOAT32:
        widen(<const float*> NULL, data, cells.stride, n, out)
    elif cells.item == INT8:
        widen(<const int8_t*> NULL, data, cells.stride, n, out)
    elif cells.item == UINT8:
        widen(<const uint8_t*> NULL, data, cells.stride, n, out)
    elif cells.item == INT16:
        widen(<const int16_t*> NULL, data, cells.stride, n, out)
    elif cells.item == UINT16:
        widen(<const uint16_t*> NULL, data, cells.stride, n, out)
    elif cells.item == INT32:
        widen(<const int32_t*> NULL, data, cells.stride, n, out)
    elif cells.item == UINT32:
        widen(<const uint32_t*> NULL, data, cells.stride, n, out)
    elif cells.item == INT64:
        widen(<const int64_t*> NULL, data, cells.stride, n, out)
    elif cells.item == UINT64:
        widen(<const uint64_t*> NULL, data, cells.stride, n, out)
    else:
        for i in range(n):
            out[i] = bit_of(<const uint8_t*> data, cells.bit + first + i)
    if cells.valid != NULL:
        for i in range(n):
            out[i] = out[i] if bit_of(cells.valid, cells.bit + first + i) else NAN
    if cells.is_code:
        for i in range(n):
            out[i] = out[i] if out[i] >= 0.0 else NAN


cdef inline Py_ssize_t batch_of(const Rows* rows, Py_ssize_t row) noexcept nogil:
    """The last batch that begins at or before a row: the one that has it, for those without rows begin there too."""
    cdef Py_ssize_t low = 0, high = rows.n_batches, middle
    while high - low > 1:
        middle = (low + high) // 2
        if rows.batch_begin[middle] <= row:
            low = middle
        else:
            high = middle
    return low


cdef inline void gather_cells(
    const Rows* rows, Py_ssize_t start, int n, const int32_t* columns, int n_columns, double* out, int out_stride
) noexcept nogil:
    cdef Py_ssize_t batch = batch_of(rows, start), begin
    cdef const Cells* cells
    cdef int i, count, done = 0
    while done < n:
        begin = rows.batch_begin[batch]
        count = <int> min(<Py_ssize_t> n - done, rows.batch_begin[batch + 1] - start - done)
        cells = rows.cells + batch * rows.n_columns
        for i in range(n_columns):
            copy_cells(cells + columns[i], start + done - begin, count, out + i * out_stride + done)
        done += count
        batch += 1


# -- rows of either layout --------------------------------------------------------------------------------------------

cdef inline double read_value(const Rows* rows, Py_ssize_t row, int32_t column) noexcept nogil:
    cdef double value
    if rows.layout == FLOAT64_TABLE:
        return (<const double*> (rows.data + row * rows.row_stride + column * rows.column_stride))[0]
    if rows.layout == FLOAT32_TABLE:
        return (<const float*> (rows.data + row * rows.row_stride + column * rows.column_stride))[0]
    gather_cells(rows, row, 1, &column, 1, &value, 1)
    return value


cdef inline double read_seen(const Rows* rows, Py_ssize_t row, int32_t column) noexcept nogil:
    """The value as LightGBM's trees see it."""
    cdef double value = read_value(rows, row, column)
    return value if rows.keeps_near_zero else round_to_zero(value)


ctypedef fused Real:
    float
    double


cdef inline void gather_items(
    const Real* _, const Rows* rows, Py_ssize_t start, int n, const int32_t* columns, int n_columns, double* out,
    int out_stride,
) noexcept nogil:
    cdef const char* row = rows.data + start * rows.row_stride
    cdef Py_ssize_t stride = rows.row_stride, column_stride = rows.column_stride
    cdef int i, j
    for j in range(n):
        prefetch(row + (columns[n_columns - 1] + AHEAD) * column_stride)
        for i in range(n_columns):
            out[i * out_stride + j] = (<const Real*> (row + columns[i] * column_stride))[0]
        row += stride


cdef inline void gather(
    const Rows* rows, Py_ssize_t start, int n, const int32_t* columns, int n_columns, double* out, int out_stride
) noexcept nogil:
    """Copy some columns of rows start to start + n to `out`, each column contiguous.

    Of a table, rows are the outer loop, so that a cache line of a row-major one is read once for all its columns.
    """
    if rows.layout == FLOAT64_TABLE:
        gather_items(<const double*> NULL, rows, start, n, columns, n_columns, out, out_stride)
    elif rows.layout == FLOAT32_TABLE:
        gather_items(<const float*> NULL, rows, start, n, columns, n_columns, out, out_stride)
    else:
        gather_cells(rows, start, n, columns, n_columns, out, out_stride)
