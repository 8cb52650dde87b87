"""Takes rows from Arrow's C interfaces, its stream and its array, without copying them and without any Arrow library.

https://arrow.apache.org/docs/format/CDataInterface.html says what the structures mean.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset, strcmp
from libcpp.vector cimport vector

from fasttrees._engine.rows cimport (
    BIT, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, Cells, ColumnRows, Item,
    zero_cells,
)

from fasttrees.errors import InputError, InputTypeError

cdef struct ArrowSchema:
    const char* format
    const char* name
    const char* metadata
    int64_t flags
    int64_t n_children
    ArrowSchema** children
    ArrowSchema* dictionary
    void (*release)(ArrowSchema*)
    void* private_data

cdef struct ArrowArray:
    int64_t length
    int64_t null_count
    int64_t offset
    int64_t n_buffers
    int64_t n_children
    const void** buffers
    ArrowArray** children
    ArrowArray* dictionary
    void (*release)(ArrowArray*)
    void* private_data

cdef struct ArrowArrayStream:
    int (*get_schema)(ArrowArrayStream*, ArrowSchema*)
    int (*get_next)(ArrowArrayStream*, ArrowArray*)
    const char* (*get_last_error)(ArrowArrayStream*)
    void (*release)(ArrowArrayStream*)
    void* private_data

ITEMS = {
    b"g": FLOAT64, b"f": FLOAT32, b"c": INT8, b"C": UINT8, b"s": INT16, b"S": UINT16, b"i": INT32, b"I": UINT32,
    b"l": INT64, b"L": UINT64, b"b": BIT,
}
SIZES = {FLOAT64: 8, FLOAT32: 4, INT8: 1, UINT8: 1, INT16: 2, UINT16: 2, INT32: 4, UINT32: 4, INT64: 8, UINT64: 8}

# Types without numbers, by the beginning of their format, longer beginnings first.
NAMES = {
    b"n": "na", b"e": "half_float", b"vz": "binary_view", b"z": "binary", b"Z": "large_binary", b"vu": "string_view",
    b"u": "string", b"U": "large_string", b"d:": "decimal", b"w:": "fixed_size_binary", b"tdD": "date32",
    b"tdm": "date64", b"tt": "time", b"ts": "timestamp", b"tD": "duration", b"ti": "interval", b"+s": "struct",
    b"+m": "map", b"+r": "run_end_encoded", b"+u": "union", b"+": "list",
}


cdef struct Kind:
    Item item
    Py_ssize_t size  # bytes


cdef class ArrowRows(ColumnRows):
    """Rows of record batches.

    Parameters
    ----------
    stream : PyCapsule or None
        What ``__arrow_c_stream__`` returns.
    array : tuple of two PyCapsules or None
        What ``__arrow_c_array__`` returns, if there is no stream.
    n_columns : int, default -1
        How many columns to give the rows: further ones are left out, missing ones are zeros; -1: those that there are.
    """

    cdef vector[ArrowArray] arrays
    cdef vector[Kind] kinds

    def __init__(self, stream, array=None, Py_ssize_t n_columns=-1):
        self.batch_begin.push_back(0)
        if stream is not None:
            self.take_stream(<ArrowArrayStream*> PyCapsule_GetPointer(stream, b"arrow_array_stream"), n_columns)
        else:
            schema, batch = array
            self.find_kinds(<ArrowSchema*> PyCapsule_GetPointer(schema, b"arrow_schema"))
            self.take_array(<ArrowArray*> PyCapsule_GetPointer(batch, b"arrow_array"), n_columns)
        self.finish(n_columns if n_columns >= 0 else <Py_ssize_t> self.kinds.size())
        self.rows.keeps_near_zero = True  # LightGBM reads Arrow's values without cleaning them

    def __dealloc__(self):
        cdef size_t i
        for i in range(self.arrays.size()):
            self.arrays[i].release(&self.arrays[i])

    cdef take_stream(self, ArrowArrayStream* stream, Py_ssize_t n_columns):
        cdef ArrowSchema schema
        cdef ArrowArray array
        if stream.release == NULL:
            raise InputError("expected an Arrow stream, got one that was read before")
        memset(&schema, 0, sizeof(schema))
        check_stream(stream, stream.get_schema(stream, &schema))
        try:
            self.find_kinds(&schema)
        finally:
            if schema.release != NULL:
                schema.release(&schema)
        while True:
            memset(&array, 0, sizeof(array))
            check_stream(stream, stream.get_next(stream, &array))
            if array.release == NULL:
                return
            self.take_array(&array, n_columns)

    cdef find_kinds(self, ArrowSchema* schema):
        """Learn the types of the columns."""
        cdef ArrowSchema* column
        cdef int64_t i
        cdef Item item
        if schema.release == NULL:
            raise InputError("expected an Arrow schema, got one that was read before")
        if strcmp(schema.format, b"+s"):
            raise InputTypeError(f"expected an Arrow table, got one column of format {text_of(schema.format)!r}")
        for i in range(schema.n_children):
            column = schema.children[i]
            known = ITEMS.get(<bytes> column.format)
            if known is None or column.dictionary != NULL:
                raise InputError(
                    f"Unsupported Arrow type: {'dictionary' if column.dictionary != NULL else name_of(column.format)} "
                    f"(column {i}, {text_of(column.name)!r}); expected integers, float, double or bool"
                )
            item = known
            self.kinds.push_back(Kind(item, SIZES.get(known, 0)))

    cdef take_array(self, ArrowArray* array, Py_ssize_t n_columns):
        """Import a batch and describe its columns."""
        cdef Py_ssize_t i
        if array.release == NULL:
            raise InputError("expected an Arrow array, got one that was read before")
        self.arrays.push_back(array[0])
        array.release = NULL
        array = &self.arrays.back()
        if array.n_children != <int64_t> self.kinds.size() or array.length < 0 or array.offset < 0:
            raise InputError(f"expected an Arrow array of {self.kinds.size()} columns, got {array.n_children}")
        if array.null_count and array.n_buffers and array.buffers[0] != NULL:
            raise InputError("expected Arrow rows that are values, got some that are null as a whole")
        if n_columns < 0:
            n_columns = self.kinds.size()
        for i in range(n_columns):
            if i < array.n_children:
                self.cells.push_back(self.cells_of(array, i))
            else:
                self.cells.push_back(zero_cells())
        self.batch_begin.push_back(self.batch_begin.back() + array.length)

    cdef Cells cells_of(self, ArrowArray* array, Py_ssize_t number) except *:
        cdef ArrowArray* column = array.children[number]
        cdef int64_t first = column.offset + array.offset
        cdef Cells cells = zero_cells()
        if column.n_buffers != 2 or column.offset < 0 or column.length < array.offset + array.length:
            raise InputError(f"expected an Arrow column of {array.length} rows, got a broken one (column {number})")
        if array.length == 0:
            return cells  # buffers may be missing
        if column.buffers[1] == NULL:
            raise InputError(f"expected an Arrow column with values, got none (column {number})")
        cells.data = <const char*> column.buffers[1] + first * self.kinds[number].size
        cells.item, cells.stride = self.kinds[number].item, self.kinds[number].size
        cells.bit = first
        if column.null_count:
            cells.valid = <const uint8_t*> column.buffers[0]
        return cells


cdef check_stream(ArrowArrayStream* stream, int code):
    cdef const char* message
    if code:
        message = stream.get_last_error(stream)
        raise InputError(f"the Arrow stream failed with error {code}: {text_of(message)}")


cdef str text_of(const char* text):
    return "" if text == NULL else (<bytes> text).decode(errors="replace")


cdef str name_of(const char* form):
    """Name of an Arrow type, or its format if it is none that we know."""
    return next((name for begin, name in NAMES.items() if (<bytes> form).startswith(begin)), text_of(form))
