"""The kernels, compiled for processors with AVX2."""
include "_eval.pyx"
