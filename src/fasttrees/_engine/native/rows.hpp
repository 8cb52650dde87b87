// Constants and hints for reading rows; see rows.pxd.
#pragma once

/* LightGBM's kZeroThreshold: a float literal, widened to double. */
static const double FASTTREES_ZERO_THRESHOLD = 1e-35f;

#define FASTTREES_PREFETCH(address) __builtin_prefetch(address)
