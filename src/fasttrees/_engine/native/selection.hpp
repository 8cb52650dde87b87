// Pointers that alias nothing; see selection.pxd.
#pragma once

#include <cstdint>

#define FASTTREES_RESTRICT __restrict__
typedef uint8_t* FASTTREES_RESTRICT fasttrees_bytes;
typedef const uint8_t* FASTTREES_RESTRICT fasttrees_const_bytes;
