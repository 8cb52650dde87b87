// Ends of cells, and numbers read backwards from them; see short_numbers.pxd.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "fasttrees/_textio/native/decimals.hpp"

enum { FASTTREES_SCAN = 64, FASTTREES_LONG_BYTES = 24 };
static const uint64_t FASTTREES_ONES = 0x0101010101010101;

// Where cells end, in the 64 characters from `base` on; bits of ends that were taken are cleared.
struct fasttrees_ends {
    const char* base;
    uint64_t bits;
};

static inline uint64_t fasttrees_bytes(const char* at) {
    uint64_t text;
    std::memcpy(&text, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    text = __builtin_bswap64(text);
#endif
    return text;
}

static inline void fasttrees_find_ends(fasttrees_ends* ends, const char* at, char delimiter) {
    char found[FASTTREES_SCAN];
    for (int i = 0; i < FASTTREES_SCAN; ++i)  // becomes vectors
        found[i] = (at[i] == delimiter) | (at[i] == '\n') | (at[i] == '\r');
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i)
        bits |= fasttrees_bytes(found + 8 * i) * 0x0102040810204080 >> 56 << 8 * i;
    ends->base = at;
    ends->bits = bits;
}

// Takes the next end from `at` on, which is the start of a cell; NULL where the text may be over before 64 more.
static inline const char* fasttrees_take_end(fasttrees_ends* ends, const char* text_end, char delimiter) {
    while (!ends->bits) {
        if (text_end - ends->base < 2 * FASTTREES_SCAN) return nullptr;
        fasttrees_find_ends(ends, ends->base + FASTTREES_SCAN, delimiter);
    }
    const char* end = ends->base + __builtin_ctzll(ends->bits);
    ends->bits &= ends->bits - 1;
    return end;
}

static const uint64_t fasttrees_all_tens[20] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
    1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
    1000000000000000000, 10000000000000000000u,
};

// Eight characters as digits, and where they are none: the highest bit of each such byte.
static inline uint64_t fasttrees_others_of(uint64_t text) {
    return (((text & FASTTREES_ONES * 0x7F) + FASTTREES_ONES * 0x76) | text) & FASTTREES_ONES * 0x80;
}

// Reads up to 8 digits and a point, right-aligned behind zeros.
static inline bool fasttrees_short(uint64_t text, int64_t length, bool negative, double* value) {
    uint64_t others = fasttrees_others_of(text);
    int behind = 0;  // digits behind the point
    if (others) {
        uint64_t point = others >> 7, below = point - 1;
        if (point & below || (text & point * 0xFF) != point * ('.' ^ '0') || length == 1) return false;
        behind = __builtin_clzll(others) >> 3;
        text = (text & -(point << 8)) | (text & below) << 8;
    }
    return fasttrees_scale(fasttrees_join(text), -behind, negative, value);
}

// Reads up to 7 digits, a point and more digits, up to 19 in all, where 24 bytes may be read before `end`.
static inline bool fasttrees_long(const char* begin, const char* end, bool negative, double* value) {
    static const uint8_t inside[2 * FASTTREES_LONG_BYTES] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    };
    uint64_t text = fasttrees_bytes(begin) ^ FASTTREES_ONES * '0';
    uint64_t others = fasttrees_others_of(text);
    int whole = others ? __builtin_ctzll(others) >> 3 : 0;  // digits before the point
    int behind = (int)(end - begin) - whole - 1;
    if (whole == 0 || begin[whole] != '.' || whole + behind > 19) return false;
    uint64_t digits = fasttrees_join(text << 8 * (8 - whole)) * fasttrees_all_tens[behind];
    uint64_t words[3];
    for (int i = 0; i < 3; ++i)  // right-aligned behind zeros
        words[i] = (fasttrees_bytes(end - FASTTREES_LONG_BYTES + 8 * i) ^ FASTTREES_ONES * '0')
            & fasttrees_bytes((const char*)inside + behind + 8 * i);
    if (fasttrees_others_of(words[0]) | fasttrees_others_of(words[1]) | fasttrees_others_of(words[2])) return false;
    digits += fasttrees_join(words[0]) * 10000000000000000 + fasttrees_join(words[1]) * 100000000
        + fasttrees_join(words[2]);
    return fasttrees_scale(digits, -behind, negative, value);
}

// Reads a cell; false if it is neither empty nor up to 19 digits and a point, with a sign or without, or how to
// round it is not beyond doubt. It reads the 24 bytes before `end`.
static inline bool fasttrees_number_before(const char* begin, const char* end, double* value) {
    bool negative = *begin == '-';
    int64_t length = end - begin - negative;
    if ((uint64_t)(length - 1) < 8) {
        int before = 8 * (8 - length);  // bits of what is not the cell's: made zeros, digits of no worth
        uint64_t text = (fasttrees_bytes(end - 8) ^ FASTTREES_ONES * '0') >> before << before;
        return fasttrees_short(text, length, negative, value);
    }
    if ((uint64_t)(length - 1) < 20) return fasttrees_long(begin + negative, end, negative, value);
    *value = std::numeric_limits<double>::quiet_NaN();
    return begin == end;  // an empty cell is a missing value
}
