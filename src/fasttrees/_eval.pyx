"""Evaluates a forest: checks what the kernels trust, releases the GIL, and calls them.

The kernels are inline functions of _blocks.pxd, _walk.pxd and _kernels.pxd, so that each build of this module, for
each level of processors, compiles its own.
"""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t

from fasttrees._blocks cimport evaluate_blocks
from fasttrees._forest cimport Forest
from fasttrees._objective cimport Objective
from fasttrees._plan cimport Plan
from fasttrees._row_plan cimport RowPlan
from fasttrees._rows cimport RowBuffer, format_of, overlap
from fasttrees._walk cimport Job, walk_rows

from fasttrees.errors import InputError, InputTypeError

cdef enum:
    WALK_ROWS = 8  # batches of fewer rows are walked row by row


cpdef enum Output:
    SCORES      # after the objective's transform
    RAW_SCORES
    LEAVES


cdef class Evaluator:
    """A forest with its objective, ready to score rows.

    Parameters
    ----------
    forest : Forest
    objective : Objective
    average_output : bool
        Whether the model is a random forest: scores are then divided by the number of iterations before the transform.
    """

    cdef readonly Forest forest
    cdef readonly Objective objective
    cdef readonly bint average_output
    cdef Plan plan         # made when the first batch needs it
    cdef RowPlan row_plan  # made when the first few rows need it

    def __init__(self, Forest forest not None, Objective objective not None, bint average_output):
        self.forest = forest
        self.objective = objective
        self.average_output = average_output

    @property
    def nbytes(self):
        """Bytes of memory that the model's arrays hold now; the first batch adds its plan."""
        plans = [plan.nbytes for plan in (self.plan, self.row_plan) if plan is not None]
        return self.forest.nbytes + sum(plans)

    def evaluate(
        self, RowBuffer rows not None, out, int first_iteration, int n_iterations, Output output, Py_ssize_t start,
        Py_ssize_t stop,
    ):
        """Score rows `start` to `stop` with some iterations, into those rows of `out`.

        Parameters
        ----------
        rows : RowBuffer
        out : writable C-contiguous buffer
            For all rows of `rows`: format ``d``, or ``i`` for leaf numbers; one item for each row and class, or for
            each row and tree.
        first_iteration, n_iterations : int
            A range that the model has.
        output : Output
        start, stop : int
            A range of rows.
        """
        cdef Job job
        cdef Py_buffer view
        # Held, for another thread may set them while this one runs without the GIL.
        cdef Plan plan = self.plan
        cdef RowPlan row_plan = self.row_plan
        cdef bint walks = stop - start < WALK_ROWS
        cdef bint done
        cdef int n_classes = self.forest.n_classes
        if rows.rows.n_columns != self.forest.n_features:
            raise InputError(
                f"The number of features in data ({rows.rows.n_columns}) is not the same as it was in training data "
                f"({self.forest.n_features})."
            )
        if not (0 <= first_iteration and 0 <= n_iterations
                and (<int64_t> first_iteration + n_iterations) * n_classes <= self.forest.tree_count()):
            raise InputError(f"no such iterations: {n_iterations} from {first_iteration}")
        if not 0 <= start <= stop <= rows.rows.n_rows:
            raise InputError(f"no such rows: {start} to {stop}")
        job.rows = rows.rows
        job.first_tree = <int64_t> first_iteration * n_classes
        job.last_tree = job.first_tree + <int64_t> n_iterations * n_classes
        job.n_classes = n_classes
        job.n_outputs = job.last_tree - job.first_tree if output == LEAVES else n_classes
        job.transforms = output == SCORES
        job.divisor = n_iterations if self.average_output and output == SCORES else 1.0
        job.scores = NULL
        job.leaves = NULL
        try:
            PyObject_GetBuffer(out, &view, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE)
        except (BufferError, TypeError, ValueError) as error:
            raise InputTypeError(f"expected a writable C-contiguous buffer to write to: {error}") from error
        try:
            form = "i" if output == LEAVES else "d"
            # As Python's integers: a broadcast view can have more rows than its items have addresses.
            size = <object> rows.rows.n_rows * <object> job.n_outputs * (4 if output == LEAVES else 8)
            if format_of(&view) != form or view.len != size:
                raise InputError(
                    f"expected an output buffer of format {form!r} and {size} bytes, got {format_of(&view)!r} and "
                    f"{view.len}"
                )
            if view.len and <size_t> view.buf % view.itemsize:
                raise InputError("expected an output buffer of aligned items")
            if overlap(&rows.rows, &view):
                raise InputError("expected an output buffer beside the rows, got one that overlaps them")
            if output == LEAVES:
                job.leaves = <int32_t*> view.buf
            else:
                job.scores = <double*> view.buf
            if walks and row_plan is None:
                row_plan = self.row_plan = RowPlan(self.forest)
            walks = walks and row_plan.fits
            if not walks and plan is None:
                plan = self.plan = Plan(self.forest)
            with nogil:
                if walks:
                    done = walk_rows(self.forest, row_plan, self.objective, &job, start, stop)
                else:
                    done = evaluate_blocks(self.forest, plan, self.objective, &job, start, stop)
            if not done:
                raise MemoryError("no memory for the scratch of one block of rows")
        finally:
            PyBuffer_Release(&view)
