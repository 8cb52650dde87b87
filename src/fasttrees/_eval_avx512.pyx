"""The kernels, compiled for processors with AVX-512."""
include "_eval.pyx"
