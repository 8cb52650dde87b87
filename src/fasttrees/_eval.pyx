"""Evaluates a forest: checks what the kernels trust, releases the GIL, and calls them.

The kernels are inline functions of _engine/kernels/, so that each build of this module, for
each level of processors, compiles its own.
"""
from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fasttrees._engine.kernels.blocks cimport evaluate_blocks
from fasttrees._engine.forest cimport Forest
from fasttrees._engine.objective cimport Objective
from fasttrees._engine.plan cimport Plan
from fasttrees._engine.ranks cimport distinguishes_near_zero
from fasttrees._engine.row_plan cimport RowPlan
from fasttrees._engine.rows cimport RowBuffer, Rows, find_rows, format_of, overlap, type_code
from fasttrees._engine.kernels.walk cimport Job, walk_rows

from fasttrees.errors import InputError, InputTypeError

cdef extern from "Python.h":
    Py_ssize_t PyNumber_AsSsize_t(object number, void* overflow_error) except? -1

cdef enum:
    WALK_ROWS = 12        # batches of fewer rows are walked row by row
    WALKS_WITH_GIL = 512  # so many trees are walked sooner than the GIL is released and taken again


cdef class Evaluator:
    """A forest with its objective, ready to score rows.

    Parameters
    ----------
    forest : Forest
    objective : Objective
    average_output : bool
        Whether the model is a random forest: scores are then divided by the number of iterations before the transform.
    keeps_near_zero : bool, default False
        Whether trees see values within the zero limit as they are, which only matters to few forests.
    sections : Sections or None
        A compact file's that hold plans of this forest, for trees that take values within the zero limit for zero.
    """

    cdef readonly Forest forest
    cdef readonly Objective objective
    cdef readonly bint average_output
    cdef object sections   # of the compact file that holds the plans, or None
    cdef Plan plan         # made when the first batch needs it
    cdef RowPlan row_plan  # made when the first few rows need it
    cdef bint keeps_near_zero
    cdef int distinguishes_near_zero    # whether it matters; -1 before the first such rows
    cdef Evaluator near_zero    # for such rows, if it matters; made when the first need it

    def __init__(
        self, Forest forest not None, Objective objective not None, bint average_output, bint keeps_near_zero=False,
        sections=None,
    ):
        self.forest = forest
        self.objective = objective
        self.average_output = average_output
        self.keeps_near_zero = keeps_near_zero
        self.sections = None if keeps_near_zero else sections
        self.distinguishes_near_zero = -1

    @property
    def nbytes(self):
        """Bytes of memory that the model's arrays hold now; the first batch and the first few rows add their plans."""
        n_bytes = self.forest.nbytes
        if self.plan is not None:
            n_bytes += self.plan.nbytes
        if self.row_plan is not None:
            n_bytes += self.row_plan.nbytes
        if self.plan is not None and self.row_plan is not None and self.plan.ranks is self.row_plan.ranks:
            n_bytes -= self.plan.ranks.nbytes
        if self.near_zero is not None:
            n_bytes += self.near_zero.nbytes - self.forest.nbytes
        return n_bytes

    def iterations(self, start_iteration, num_iteration):
        """Cut a range of iterations to those that the model has, as LightGBM does: the first, and how many."""
        cdef int64_t first, count
        self.cut_iterations(start_iteration, num_iteration, &first, &count)
        return first, count

    cdef int cut_iterations(self, start_iteration, num_iteration, int64_t* first, int64_t* count) except -1:
        cdef int64_t n_iterations = self.forest.tree_count() // self.forest.n_classes
        # Without an exception to raise, numbers beyond 64 bits are cut to them.
        first[0] = min(max(<int64_t> PyNumber_AsSsize_t(start_iteration, NULL), 0), n_iterations)
        count[0] = 0 if num_iteration is None else PyNumber_AsSsize_t(num_iteration, NULL)
        count[0] = min(count[0] if count[0] > 0 else n_iterations, n_iterations - first[0])
        return 0

    cdef Job job_for(self, int64_t first_iteration, int64_t n_iterations, bint raw_score, bint pred_leaf) noexcept:
        """What to compute, but for the rows and the memory that the results go to."""
        cdef Job job
        memset(&job, 0, sizeof(job))
        job.n_classes = self.forest.n_classes
        job.first_tree = first_iteration * job.n_classes
        job.last_tree = job.first_tree + n_iterations * job.n_classes
        job.n_outputs = job.last_tree - job.first_tree if pred_leaf else job.n_classes
        job.transforms = not raw_score
        job.divisor = n_iterations if self.average_output and job.transforms else 1.0
        return job

    cdef int run(self, const Job* job, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Compute for some rows; without the GIL if that takes long enough to be worth it."""
        # Held, for another thread may set them while this one runs without the GIL.
        cdef Plan plan = self.plan
        cdef RowPlan row_plan = self.row_plan
        cdef Py_ssize_t n_rows = stop - start
        cdef bint walks = job.rows.n_rows < WALK_ROWS  # not for the last range of a batch: it has its plan
        cdef bint done
        if walks and row_plan is None:
            row_plan = RowPlan(self.forest, self.keeps_near_zero, self.sections)
            if plan is not None:
                row_plan.ranks = plan.ranks  # the same numbers: kept once
            self.row_plan = row_plan
        if walks and row_plan.fits:
            if n_rows * (job.last_tree - job.first_tree) <= WALKS_WITH_GIL:
                done = walk_rows(self.forest, row_plan, self.objective, job, start, stop)
            else:
                with nogil:
                    done = walk_rows(self.forest, row_plan, self.objective, job, start, stop)
        else:
            if plan is None:
                plan = Plan(self.forest, self.keeps_near_zero, self.sections)
                if row_plan is not None:
                    plan.ranks = row_plan.ranks
                self.plan = plan
            with nogil:
                done = evaluate_blocks(self.forest, plan, self.objective, job, start, stop)
        if not done:
            raise MemoryError("no memory for the scratch of one block of rows")
        return 0

    cdef Evaluator evaluator_for(self, const Rows* rows):
        """The one whose plans fit these rows."""
        cdef Evaluator near_zero = self.near_zero
        if self.keeps_near_zero or not rows.keeps_near_zero:
            return self
        if self.distinguishes_near_zero < 0:
            self.distinguishes_near_zero = distinguishes_near_zero(self.forest)
        if not self.distinguishes_near_zero:
            return self
        if near_zero is None:
            self.near_zero = near_zero = Evaluator(self.forest, self.objective, self.average_output, True)
        return near_zero

    def score_few(self, data, empty, start_iteration, num_iteration, bint raw_score):
        """Score a few rows, sooner than :meth:`evaluate`; None if these are not few rows that can be read in place.

        Parameters
        ----------
        data : object with the buffer protocol
        empty : callable
            Makes the array of scores from its shape, as ``numpy.empty``.
        start_iteration, num_iteration : int, and int or None
        raw_score : bool
        """
        cdef Py_buffer view, out
        cdef Rows rows
        cdef Job job
        cdef int64_t first, count
        try:
            PyObject_GetBuffer(data, &view, PyBUF_STRIDES | PyBUF_FORMAT)
        except (BufferError, TypeError, ValueError):
            return None
        try:
            if not find_rows(&view, &rows) or not 0 < rows.n_rows < WALK_ROWS \
                    or rows.n_columns != self.forest.n_features:
                return None
            self.cut_iterations(start_iteration, num_iteration, &first, &count)
            job = self.job_for(first, count, raw_score, False)
            job.rows = rows
            scores = empty(rows.n_rows) if job.n_classes == 1 else empty((rows.n_rows, job.n_classes))
            PyObject_GetBuffer(scores, &out, PyBUF_WRITABLE)
            try:
                if out.len != rows.n_rows * job.n_classes * <Py_ssize_t> sizeof(double):
                    raise InputTypeError(f"expected {rows.n_rows} x {job.n_classes} doubles, got {out.len} bytes")
                job.scores = <double*> out.buf
                self.run(&job, 0, rows.n_rows)
            finally:
                PyBuffer_Release(&out)
        finally:
            PyBuffer_Release(&view)
        return scores

    def evaluate(
        self, RowBuffer rows not None, out, int first_iteration, int n_iterations, bint raw_score, bint pred_leaf,
        Py_ssize_t start, Py_ssize_t stop, int64_t test_iterations=0, double margin=0.0,
    ):
        """Score rows `start` to `stop` with some iterations, into those rows of `out`.

        Parameters
        ----------
        rows : RowBuffer
        out : writable C-contiguous buffer
            For all rows of `rows`: format ``d``, one item for each row and class; or with `pred_leaf` format ``i``, one
            item for each row and tree.
        first_iteration, n_iterations : int
            A range that the model has.
        raw_score, pred_leaf : bool
        start, stop : int
            A range of rows.
        test_iterations : int, default 0
            After how many iterations each to test whether a row may stop early; 0: never.
        margin : float, default 0.0
            A row stops if its scores are decided by more than this.
        """
        cdef Job job
        cdef Py_buffer view
        cdef Evaluator evaluator = self.evaluator_for(&rows.rows)
        if rows.rows.n_columns != self.forest.n_features:
            raise InputError(
                f"The number of features in data ({rows.rows.n_columns}) is not the same as it was in training data "
                f"({self.forest.n_features}).\nYou can set ``predict_disable_shape_check=true`` to discard this error, "
                "but please be aware what you are doing."
            )
        if not (0 <= first_iteration and 0 <= n_iterations
                and (<int64_t> first_iteration + n_iterations) * self.forest.n_classes <= self.forest.tree_count()):
            raise InputError(f"no such iterations: {n_iterations} from {first_iteration}")
        if not 0 <= start <= stop <= rows.rows.n_rows:
            raise InputError(f"no such rows: {start} to {stop}")
        job = self.job_for(first_iteration, n_iterations, raw_score, pred_leaf)
        job.rows = rows.rows
        if 0 < test_iterations < n_iterations and not pred_leaf:
            job.test_trees = test_iterations * job.n_classes
            job.margin = margin
        try:
            PyObject_GetBuffer(out, &view, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE)
        except (BufferError, TypeError, ValueError) as error:
            raise InputTypeError(f"expected a writable C-contiguous buffer to write to: {error}") from error
        try:
            form = "i" if pred_leaf else "d"
            # As Python's integers: a broadcast view can have more rows than its items have addresses.
            size = <object> rows.rows.n_rows * <object> job.n_outputs * (4 if pred_leaf else 8)
            if format_of(&view) != form or view.len != size:
                raise InputError(
                    f"expected an output buffer of format {form!r} and {size} bytes, got {format_of(&view)!r} and "
                    f"{view.len}"
                )
            if view.len and <size_t> view.buf % view.itemsize:
                raise InputError("expected an output buffer of aligned items")
            if overlap(&rows.rows, &view):
                raise InputError("expected an output buffer beside the rows, got one that overlaps them")
            if view.len == 0:
                return  # its address may be NULL
            if pred_leaf:
                job.leaves = <int32_t*> view.buf
            else:
                job.scores = <double*> view.buf
            evaluator.run(&job, start, stop)
        finally:
            PyBuffer_Release(&view)


cdef class RowScorer:
    """Scores one row at a time; made by ``Model.row_scorer``.

    Threads may share it.
    """

    cdef Evaluator evaluator
    cdef Job job

    def __cinit__(self, Evaluator evaluator not None, start_iteration, num_iteration, bint raw_score):
        cdef int64_t first, count
        evaluator.cut_iterations(start_iteration, num_iteration, &first, &count)
        self.evaluator = evaluator
        self.job = evaluator.job_for(first, count, raw_score, False)

    def score(self, row):
        """Score a row.

        Parameters
        ----------
        row : C-contiguous buffer of n_features float64 items
            Such as a ``numpy.ndarray`` or an ``array.array("d")``; may be read-only.

        Returns
        -------
        float, or a tuple of a float for each class

        Raises
        ------
        InputError, InputTypeError
            If `row` is anything else.
        """
        cdef Py_buffer view
        cdef Job job = self.job
        cdef Py_ssize_t n_features = self.evaluator.forest.n_features
        cdef double one
        cdef double* scores = &one
        cdef int i
        try:
            PyObject_GetBuffer(row, &view, PyBUF_ND | PyBUF_FORMAT)
        except (BufferError, TypeError, ValueError) as error:
            raise InputTypeError(f"expected a C-contiguous buffer of {n_features} float64 items: {error}") from error
        try:
            if type_code(&view) != b"d" or view.len != n_features * <Py_ssize_t> sizeof(double):
                raise InputError(
                    f"expected {n_features} items of format 'd' (float64), got {view.len} bytes of format "
                    f"{format_of(&view)!r}"
                )
            if <size_t> view.buf % sizeof(double):
                raise InputError("expected aligned items; copy the row first")
            if job.n_classes > 1:
                scores = <double*> PyMem_Malloc(job.n_classes * sizeof(double))
                if scores == NULL:
                    raise MemoryError("no memory for the scores of one row")
            job.rows.n_rows, job.rows.n_columns = 1, n_features
            job.rows.data = <const char*> view.buf
            job.rows.row_stride, job.rows.column_stride = view.len, sizeof(double)
            job.scores = scores
            self.evaluator.run(&job, 0, 1)
            if job.n_classes == 1:
                return one
            return tuple([scores[i] for i in range(job.n_classes)])
        finally:
            PyBuffer_Release(&view)
            if scores != &one:
                PyMem_Free(scores)
