"""Compressed sparse matrices, laid out a block of rows at a time in dense memory.

A block lies column by column, so that the kernels read a feature's values for many rows from one place.
"""
from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t
from libcpp.algorithm cimport lower_bound
from libcpp.vector cimport vector

from fasttrees._engine.rows cimport ZERO_THRESHOLD, type_code

from fasttrees.errors import InputError

ctypedef fused Index:
    int32_t
    int64_t

ctypedef fused Item:
    float
    double

cdef struct Order:
    # What a pass over a matrix found.
    Py_ssize_t flaw       # the first line whose bounds or index is wrong; -1 if none is
    bint is_sorted        # whether no index of a line is below the one before it
    bint repeats          # whether an index of a line equals the one before it


cdef inline Order inspect_lines(
    const int64_t* starts, Py_ssize_t n_lines, Py_ssize_t size, const Index* indices, const Item* values, int64_t width
) noexcept nogil:
    cdef Order order = Order(-1, True, False)
    cdef Py_ssize_t line
    cdef int64_t at
    cdef bint outside, unsorted = False, repeats = False
    for line in range(n_lines):
        if not 0 <= starts[line] <= starts[line + 1] <= size:
            order.flaw = line
            return order
        outside = False
        for at in range(starts[line], starts[line + 1]):
            outside |= not 0 <= indices[at] < width
        for at in range(starts[line] + 1, starts[line + 1]):
            unsorted |= indices[at] < indices[at - 1]
            repeats |= indices[at] == indices[at - 1]
        if outside:
            order.flaw = line
            return order
    order.is_sorted, order.repeats = not unsorted, repeats
    return order


cdef inline bint put_rows(
    const int64_t* starts, const Index* indices, const Item* values, Py_ssize_t first, Py_ssize_t last, bint clears,
    Item* block, Py_ssize_t n_columns, Py_ssize_t step,
) noexcept nogil:
    """Write rows of a CSR matrix to a block, or zeros where they were; columns that the block lacks are left out.

    Returns whether there are values within the zero limit that are not zero.
    """
    cdef Py_ssize_t row
    cdef int64_t at
    cdef bint has_near_zero = False
    for row in range(first, last):
        for at in range(starts[row], starts[row + 1]):
            if indices[at] < n_columns:
                block[indices[at] * step] = 0 if clears else values[at]
                has_near_zero |= (fabs(values[at]) <= ZERO_THRESHOLD) & (values[at] != 0)
        block += 1
    return has_near_zero


cdef inline void put_columns(
    int64_t* begins, int64_t* ends, const int64_t* starts, const Index* indices, const Item* values, Py_ssize_t first,
    Py_ssize_t last, bint goes_on, Item* block, Py_ssize_t n_columns, Py_ssize_t step, Py_ssize_t cleared_first,
) noexcept nogil:
    """Write rows of a CSC matrix to a block, and before that zeros where the last rows were: begins to ends."""
    cdef Py_ssize_t column
    cdef int64_t at
    for column in range(n_columns):
        for at in range(begins[column], ends[column]):
            block[indices[at] - cleared_first] = 0
        if goes_on:
            at = ends[column]
        else:
            at = lower_bound(indices + starts[column], indices + starts[column + 1], <Index> first) - indices
        begins[column] = at
        while at < starts[column + 1] and indices[at] < last:
            if at == begins[column] or indices[at] != indices[at - 1]:  # LightGBM takes the first of several
                block[indices[at] - first] = values[at]
            at += 1
        ends[column] = at
        block += step


cdef class CompressedMatrix:
    """The arrays of a CSR or CSC matrix, proved to be sound. A line is a row of CSR or a column of CSC.

    Parameters
    ----------
    starts, indices, values : C-contiguous buffers
        int64; int32 or int64; float32 or float64.
    width : int
        Indices are below it.
    by_rows : bool
        Whether it is CSR.

    Attributes
    ----------
    is_sorted : bool
        Whether the indices of each line ascend.
    repeats : bool
        If so, whether an index comes twice in a line.

    Raises
    ------
    InputError
        If an index is out of bounds.
    """

    cdef Py_buffer views[3]
    cdef int n_held
    cdef const int64_t* starts
    cdef bint is_wide, is_float32
    cdef readonly bint by_rows, is_sorted, repeats
    cdef readonly Py_ssize_t n_lines, width

    def __init__(self, starts, indices, values, Py_ssize_t width, bint by_rows):
        cdef Order order
        for source in (starts, indices, values):
            PyObject_GetBuffer(source, &self.views[self.n_held], PyBUF_ND | PyBUF_FORMAT)
            self.n_held += 1
        self.is_wide = self.views[1].itemsize == 8
        self.is_float32 = type_code(&self.views[2]) == b"f"
        if self.views[0].itemsize != 8 or self.views[2].itemsize != (4 if self.is_float32 else 8) \
                or self.views[1].itemsize not in (4, 8):
            raise InputError("expected int64 starts, int32 or int64 indices, float32 or float64 values")
        self.starts = <const int64_t*> self.views[0].buf
        self.n_lines = self.views[0].len // 8 - 1
        self.width, self.by_rows = width, by_rows
        with nogil:
            order = self.inspect(min(self.views[1].len // self.views[1].itemsize,
                                     self.views[2].len // self.views[2].itemsize))
        if order.flaw >= 0:
            raise InputError(
                f"{'row' if by_rows else 'column'} {order.flaw} of the sparse matrix: expected bounds that ascend to "
                f"at most the number of values, and indices from 0 to {width - 1}"
            )
        self.is_sorted, self.repeats = order.is_sorted, order.repeats

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_held):
            PyBuffer_Release(&self.views[i])

    cdef Order inspect(self, Py_ssize_t size) noexcept nogil:
        cdef const void* indices = self.views[1].buf
        cdef const void* values = self.views[2].buf
        if self.is_wide and self.is_float32:
            return inspect_lines(
                self.starts, self.n_lines, size, <const int64_t*> indices, <const float*> values, self.width)
        if self.is_wide:
            return inspect_lines(
                self.starts, self.n_lines, size, <const int64_t*> indices, <const double*> values, self.width)
        if self.is_float32:
            return inspect_lines(
                self.starts, self.n_lines, size, <const int32_t*> indices, <const float*> values, self.width)
        return inspect_lines(
            self.starts, self.n_lines, size, <const int32_t*> indices, <const double*> values, self.width)


cdef class BlockFiller:
    """Lays out blocks of a matrix's rows, one after the other, in the same memory; for one thread.

    Parameters
    ----------
    matrix : CompressedMatrix
        CSC: sorted.
    block : writable C-contiguous buffer of zeros, shape (n_columns, block_rows)
        Of the type of the matrix's values. Columns beyond the matrix's stay zero.
    """

    cdef CompressedMatrix matrix
    cdef Py_buffer view
    cdef bint held
    cdef vector[int64_t] begins, ends  # by column of CSC: where the values in the block begin and end
    cdef Py_ssize_t n_columns, step    # of the block
    cdef Py_ssize_t first, last        # the rows in the block

    def __init__(self, CompressedMatrix matrix not None, block):
        PyObject_GetBuffer(block, &self.view, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE)
        self.held = True
        if self.view.ndim != 2 or type_code(&self.view) != type_code(&matrix.views[2]):
            raise InputError("expected a two-dimensional block of the type of the matrix's values")
        self.matrix = matrix
        self.n_columns, self.step = self.view.shape[0], self.view.shape[1]
        if not matrix.by_rows:
            if not matrix.is_sorted:
                raise InputError("expected the rows of each column in order")
            self.n_columns = min(self.n_columns, matrix.n_lines)
            self.begins.resize(self.n_columns)
            self.ends.resize(self.n_columns)

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    def fill(self, Py_ssize_t first, Py_ssize_t last):
        """Clear the block and write rows `first` to `last` to it.

        Returns whether there are near-zero values; LightGBM keeps those of CSR, and takes those of CSC for zeros.
        """
        cdef bint has_near_zero
        cdef Py_ssize_t n_rows = self.matrix.n_lines if self.matrix.by_rows else self.matrix.width
        if not 0 <= first <= last <= n_rows or last - first > self.step:
            raise InputError(f"no such rows: {first} to {last}")
        cdef const void* indices = self.matrix.views[1].buf
        cdef const void* values = self.matrix.views[2].buf
        with nogil:
            if self.matrix.is_wide and self.matrix.is_float32:
                has_near_zero = self.put(<const int64_t*> indices, <const float*> values, first, last)
            elif self.matrix.is_wide:
                has_near_zero = self.put(<const int64_t*> indices, <const double*> values, first, last)
            elif self.matrix.is_float32:
                has_near_zero = self.put(<const int32_t*> indices, <const float*> values, first, last)
            else:
                has_near_zero = self.put(<const int32_t*> indices, <const double*> values, first, last)
            self.first, self.last = first, last
        return has_near_zero

    cdef bint put(self, const Index* indices, const Item* values, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
        cdef const int64_t* starts = self.matrix.starts
        cdef Item* block = <Item*> self.view.buf
        if self.matrix.by_rows:
            put_rows(starts, indices, values, self.first, self.last, True, block, self.n_columns, self.step)
            return put_rows(starts, indices, values, first, last, False, block, self.n_columns, self.step)
        else:
            put_columns(
                self.begins.data(), self.ends.data(), starts, indices, values, first, last,
                first == self.last and self.last > self.first, block, self.n_columns, self.step, self.first,
            )
        return False
