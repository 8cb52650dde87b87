// Scanning text for the ends of lines and words; see lines.pxd.
#pragma once

#include <cstdint>
#include <cstring>

// A bit for each of 64 characters, the first lowest: whether it is a blank, a line end, or below them.
static inline uint64_t fasttrees_separators(const char* at) {
    uint64_t found = 0;
    for (int i = 0; i < 8; ++i) {
        uint64_t text;
        std::memcpy(&text, at + 8 * i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        text = __builtin_bswap64(text);
#endif
        text = ~(((text & 0x7F7F7F7F7F7F7F7F) + 0x5F5F5F5F5F5F5F5F) | text) & 0x8080808080808080;
        found |= ((text >> 7) * 0x0102040810204080 >> 56) << 8 * i;
    }
    return found;
}

static inline int fasttrees_first_bit(uint64_t bits) { return __builtin_ctzll(bits); }
