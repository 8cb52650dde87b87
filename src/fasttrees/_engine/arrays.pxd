"""Growing arrays that own their memory or borrow it, and the base of the classes that hold them."""
from libcpp.vector cimport vector

cdef extern from "fasttrees/_engine/native/arrays.hpp":
    cppclass AnyArray "fasttrees::AnyArray":
        const char* bytes
        size_t item_size
        size_t size() noexcept nogil
        size_t n_bytes() noexcept nogil
        void borrow(const char* lent, size_t n_items) noexcept nogil
        void copy(const char* items, size_t n_items) except + nogil
        void shrink() except + nogil

    cppclass Array "fasttrees::Array" [Item] (AnyArray):
        Item* data() noexcept nogil
        Item& operator[](size_t i) noexcept nogil
        Item& back() noexcept nogil
        void reserve(size_t n_items) except + nogil
        void push_back(Item item) except + nogil
        void resize(size_t n_items) except + nogil
        void resize(size_t n_items, Item item) except + nogil
        void extend(const Item* items, size_t n_items) except + nogil

cdef struct NamedArray:
    const char* name
    AnyArray* array

cdef class ArrayOwner:
    cdef object lender  # keeps the memory of borrowed arrays alive

    cdef void list_arrays(self, vector[NamedArray]& arrays)
    cdef size_t own_nbytes(self)
    cdef borrow(self, sections, str prefix)
    cdef shrink(self)
