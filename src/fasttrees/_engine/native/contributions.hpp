// The innermost loops of contributions; see contributions.pxd.
#pragma once

#include <cstddef>
#include <cstdint>

static inline void fasttrees_add_hot(
    double* __restrict totals, double* __restrict rests, const double* __restrict fractions, double size,
    double place, double weight, double ratio, int n
) {
    for (int k = 0; k < n; ++k) {
        double part = rests[k] * size / place;
        totals[k] += part;
        rests[k] = weight - part * fractions[k] * ratio;
    }
}
static inline void fasttrees_add_cold(
    double* __restrict totals, const double* __restrict fractions, double weight, double ratio, int n
) {
    for (int k = 0; k < n; ++k) totals[k] += weight / fractions[k] / ratio;
}
static inline void fasttrees_add_to_rows(
    double* out, size_t stride, const uint16_t* rows, int n_rows, const double* __restrict values,
    const int32_t* __restrict features, int n
) {
    for (int i = 0; i < n_rows; ++i) {
        double* row = out + rows[i] * stride;
        for (int k = 0; k < n; ++k) row[features[k]] += values[k];
    }
}
