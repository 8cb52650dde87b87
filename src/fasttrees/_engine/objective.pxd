"""The output transform of a model, for the kernels."""

cdef enum TransformKind:
    IDENTITY
    SIGMOID
    LOG1P_EXP
    EXP
    SIGNED_SQUARE
    SOFTMAX

cdef class Objective:
    cdef readonly object text     # the objective line as the model file has it, or None
    cdef readonly object name     # LightGBM's canonical name, or None without an output transform
    cdef readonly int n_classes
    cdef readonly double sigmoid
    cdef TransformKind kind

    cdef void transform(self, double* scores, Py_ssize_t n_rows) noexcept nogil
