"""What all classes whose data are flat arrays have in common: to count, name, lend and borrow them."""
cimport cython
from cpython.buffer cimport PyBUF_READ, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.memoryview cimport PyMemoryView_FromMemory
from libcpp.vector cimport vector


@cython.no_gc_clear  # a borrowed array must not outlive its lender, not even in a cycle of garbage
cdef class ArrayOwner:
    """A class that holds arrays; it names them in one place, :meth:`list_arrays`."""

    cdef void list_arrays(self, vector[NamedArray]& arrays):
        """Append every array with its name, in a fixed order."""

    @property
    def nbytes(self):
        """Bytes of memory that the arrays hold or borrow."""
        return self.own_nbytes()

    cdef size_t own_nbytes(self):
        cdef vector[NamedArray] arrays
        cdef size_t i, n_bytes = 0
        self.list_arrays(arrays)
        for i in range(arrays.size()):
            n_bytes += arrays[i].array.n_bytes()
        return n_bytes

    def named(self, str prefix not None):
        """The arrays as sections of a compact file.

        Returns
        -------
        dict of str to tuple of int and memoryview
            By name, the size of an item and the bytes: valid only while this object lives and does not change.
        """
        cdef vector[NamedArray] arrays
        cdef AnyArray* array
        cdef size_t i
        self.list_arrays(arrays)
        sections = {}
        for i in range(arrays.size()):
            array = arrays[i].array
            content = b""
            if array.size():
                content = PyMemoryView_FromMemory(<char*> array.bytes, array.size() * array.item_size, PyBUF_READ)
            sections[prefix + arrays[i].name.decode()] = array.item_size, memoryview(content)
        return sections

    cdef borrow(self, sections, str prefix):
        """Let every array read a section of a compact file in place, once that is verified."""
        cdef vector[NamedArray] arrays
        cdef AnyArray* array
        cdef Py_buffer view
        cdef size_t i
        self.list_arrays(arrays)
        self.lender = sections
        for i in range(arrays.size()):
            array = arrays[i].array
            content = sections.take(prefix + arrays[i].name.decode(), array.item_size)
            PyObject_GetBuffer(content, &view, PyBUF_SIMPLE)
            array.borrow(<const char*> view.buf, view.len // array.item_size)
            PyBuffer_Release(&view)  # the sections hold on to the memory

    cdef shrink(self):
        """Free the memory that the arrays do not use."""
        cdef vector[NamedArray] arrays
        cdef size_t i
        self.list_arrays(arrays)
        for i in range(arrays.size()):
            arrays[i].array.shrink()
