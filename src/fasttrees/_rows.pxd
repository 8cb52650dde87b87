"""Rows of numbers in somebody else's memory, and how the kernels read them."""
from cpython.buffer cimport Py_buffer
from libc.math cimport fabs
from libc.stdint cimport int32_t

cdef extern from *:
    """
    /* LightGBM's kZeroThreshold: a float literal, widened to double. */
    static const double FASTTREES_ZERO_LIMIT = 1e-35f;
    """
    const double ZERO_LIMIT "FASTTREES_ZERO_LIMIT"

cdef extern from *:
    """
    #define FASTTREES_PREFETCH(address) __builtin_prefetch(address)
    """
    void prefetch "FASTTREES_PREFETCH"(const void* address) noexcept nogil

cdef enum:
    AHEAD = 16  # columns to fetch from memory ahead of those read; beyond the last column it does no harm

cdef struct Rows:
    const char* data
    Py_ssize_t n_rows
    Py_ssize_t n_columns
    Py_ssize_t row_stride     # bytes
    Py_ssize_t column_stride  # bytes
    bint is_float32

cdef str format_of(const Py_buffer* view)
cdef char type_code(const Py_buffer* view) noexcept
cdef bint find_rows(const Py_buffer* view, Rows* rows) noexcept
cdef bint overlap(const Rows* rows, const Py_buffer* out) noexcept

cdef class RowBuffer:
    cdef Py_buffer view
    cdef bint held
    cdef Rows rows


cdef inline double squash(double value) noexcept nogil:
    """LightGBM makes values within the zero limit +0.0 before its trees see them."""
    return 0.0 if fabs(value) <= ZERO_LIMIT else value


cdef inline double read_value(const Rows* rows, const char* row, int32_t column) noexcept nogil:
    if rows.is_float32:
        return (<const float*> (row + column * rows.column_stride))[0]
    return (<const double*> (row + column * rows.column_stride))[0]


ctypedef fused Item:
    float
    double


cdef inline void gather_items(
    const Item* _, const Rows* rows, Py_ssize_t start, int n, const int32_t* columns, int n_columns, double* out,
    int out_stride,
) noexcept nogil:
    cdef const char* row = rows.data + start * rows.row_stride
    cdef Py_ssize_t stride = rows.row_stride, column_stride = rows.column_stride
    cdef int i, j
    for j in range(n):
        prefetch(row + (columns[n_columns - 1] + AHEAD) * column_stride)
        for i in range(n_columns):
            out[i * out_stride + j] = (<const Item*> (row + columns[i] * column_stride))[0]
        row += stride


cdef inline void gather(
    const Rows* rows, Py_ssize_t start, int n, const int32_t* columns, int n_columns, double* out, int out_stride
) noexcept nogil:
    """Copy some columns of rows start to start + n to `out`, each column contiguous.

    Rows are the outer loop, so that a cache line of a row-major table is read once for all its columns.
    """
    if rows.is_float32:
        gather_items(<const float*> NULL, rows, start, n, columns, n_columns, out, out_stride)
    else:
        gather_items(<const double*> NULL, rows, start, n, columns, n_columns, out, out_stride)
