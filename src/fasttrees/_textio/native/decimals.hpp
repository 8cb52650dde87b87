// Short decimal text to numbers, eight digits at a time; see decimals.pxd.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

enum { FASTTREES_MAX_FIVES = 54, FASTTREES_QUICK_BYTES = 80 };  // bytes that are read at most, used or not

static const uint64_t fasttrees_tens[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
static const double fasttrees_exact_tens[23] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22,
};

// 5**-n, n from 1, as a factor from 2**127 to 2**128, rounded down, times 2**exponent.
struct fasttrees_inverse_fives {
    uint64_t high[FASTTREES_MAX_FIVES + 1] = {}, low[FASTTREES_MAX_FIVES + 1] = {};
    int exponent[FASTTREES_MAX_FIVES + 1] = {};
    constexpr fasttrees_inverse_fives() {
        unsigned __int128 fives = 1;  // 5**54 is below 2**126
        int bits = 0;
        for (int n = 1; n <= FASTTREES_MAX_FIVES; ++n) {
            fives *= 5;
            while (fives >> bits) ++bits;
            unsigned __int128 rest = (unsigned __int128)1 << (bits - 1), quotient = 0;
            for (int i = 0; i < 128; ++i) {  // long division: 2**(bits + 127) by 5**n
                rest <<= 1;
                quotient = quotient << 1 | (rest >= fives);
                if (rest >= fives) rest -= fives;
            }
            high[n] = (uint64_t)(quotient >> 64);
            low[n] = (uint64_t)quotient;
            exponent[n] = -(bits + 127);
        }
    }
};
static constexpr fasttrees_inverse_fives fasttrees_fives;

// Eight characters, the first lowest, and each digit turned into its value.
static inline uint64_t fasttrees_load(const char* at) {
    uint64_t text;
    std::memcpy(&text, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    text = __builtin_bswap64(text);
#endif
    return text ^ 0x3030303030303030;
}

// Sets the highest bit of the first byte that is no digit; what is set above that means nothing.
static inline uint64_t fasttrees_others(uint64_t text) {
    return ((text + 0x7676767676767676) | text) & 0x8080808080808080;
}

static inline uint64_t fasttrees_join(uint64_t digits) {
    digits = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FF;
    digits = (digits * 100 + (digits >> 16)) & 0x0000FFFF0000FFFF;
    return (digits * 10000 + (digits >> 32)) & 0x00000000FFFFFFFF;
}

// Reads 1 to 8 digits; false if there is another character among them.
static inline bool fasttrees_digits(const char* at, int64_t count, uint64_t* number) {
    uint64_t text = fasttrees_load(at) << 8 * (8 - count);  // zeros in front
    *number = fasttrees_join(text);
    return !fasttrees_others(text);
}

// Appends a run of digits to a number; false if they do not fit.
static inline bool fasttrees_append_digits(const char** at, uint64_t* number) {
    uint64_t text, others;
    while (!(others = fasttrees_others(text = fasttrees_load(*at)))) {
        if (*number >= 100000000000) return false;
        *number = *number * 100000000 + fasttrees_join(text);
        *at += 8;
        if (!*number) return false;  // zeros could go on for ever
    }
    int count = __builtin_ctzll(others) >> 3;
    *at += count;
    return !__builtin_mul_overflow(*number, fasttrees_tens[count], number)
        && !__builtin_add_overflow(*number, fasttrees_join(text << (8 * (7 - count)) << 8), number);
}

// Reads a word of which nothing else is known, where eight bytes may be read from its start on.
template <class Integer>
static inline bool fasttrees_word(const char* at, const char* stop, Integer* value) {
    bool negative = std::numeric_limits<Integer>::is_signed && *at == '-';
    uint64_t number = 0;
    at += negative;
    int64_t length = stop - at;
    if (length < 1 || !fasttrees_digits(at, length < 8 ? length : 8, &number)) return false;
    if (length > 8) {
        uint64_t last;
        if (length > 16 || !fasttrees_digits(at + 8, length - 8, &last)) return false;
        number = number * fasttrees_tens[length - 8] + last;
        if (number > (uint64_t)std::numeric_limits<Integer>::max()) return false;
    }
    *value = negative ? -(Integer)number : (Integer)number;
    return true;
}

// digits * 10**power, rounded once; false where how to round is not beyond doubt.
static inline bool fasttrees_scale(uint64_t digits, int power, bool negative, double* value) {
    uint64_t bits;
    // Both exact: rounded once. Up to 2**53 would do, but many numbers have 16 digits, some below, some above it.
    if (digits < 1000000000000000 && -22 <= power && power <= 22) {
        double exact = (double)(int64_t)digits;
        exact = power < 0 ? exact / fasttrees_exact_tens[-power] : exact * fasttrees_exact_tens[power];
        std::memcpy(&bits, &exact, 8);
        bits |= (uint64_t)negative << 63;  // not with ?:, which may become a branch that nobody can predict
        std::memcpy(value, &bits, 8);
        return true;
    }
    if (digits == 0 || power >= 0 || power < -FASTTREES_MAX_FIVES) return false;
    // digits * 10**power is from high:low to high:low + 2, times 2**exponent: both factors were cut by less than 1.
    int zeros = __builtin_clzll(digits);
    uint64_t factor = digits << zeros;
    unsigned __int128 product = (unsigned __int128)factor * fasttrees_fives.high[-power]
        + (uint64_t)((unsigned __int128)factor * fasttrees_fives.low[-power] >> 64);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    int cut = 10 + (int)(high >> 63);  // leaves 53 bits of high
    uint64_t half = (uint64_t)1 << (cut - 1), rest = high & (2 * half - 1);
    // Whether it lies above the middle between two doubles may be open.
    if ((rest == half && low == 0) || (rest == half - 1 && low >= UINT64_MAX - 1)) return false;
    int exponent = fasttrees_fives.exponent[-power] + power - zeros + 128 + cut;
    bits = ((uint64_t)(exponent + 52 + 1022) << 52) + (high >> cut) + (rest >= half);
    bits |= (uint64_t)negative << 63;
    std::memcpy(value, &bits, 8);
    return true;
}

static inline bool fasttrees_quick(const char* at, const char* end, double* value, const char** stop) {
    if (end - at < FASTTREES_QUICK_BYTES) return false;
    bool negative = *at == '-';
    uint64_t digits = 0;
    int power = 0;
    const char* begin = at += negative;
    if (at[1] == '.' && '0' <= *at && *at <= '9')
        digits = *at++ - '0';
    else if (!fasttrees_append_digits(&at, &digits) || at == begin)
        return false;
    if (*at == '.') {
        begin = ++at;
        if (!fasttrees_append_digits(&at, &digits) || at == begin) return false;
        power = (int)(begin - at);
    }
    if ((*at | 32) == 'e') {
        ++at;
        bool below = *at == '-';
        begin = at += below || *at == '+';
        uint64_t exponent = 0;
        if (!fasttrees_append_digits(&at, &exponent) || at == begin || exponent > 999) return false;
        power += below ? -(int)exponent : (int)exponent;
    }
    *stop = at;
    return fasttrees_scale(digits, power, negative, value);
}
