// Numbers of any length by the C++ library; see numbers.pxd.
#pragma once

#include <charconv>
#include <system_error>

enum fasttrees_parse_status { FASTTREES_PARSED, FASTTREES_NOT_A_NUMBER, FASTTREES_OUT_OF_RANGE };

template <class Number>
static inline int fasttrees_parse(const char* begin, const char* end, Number* value, const char** stop) {
    std::from_chars_result result = std::from_chars(begin, end, *value);
    *stop = result.ptr;
    if (result.ec == std::errc()) return FASTTREES_PARSED;
    return result.ec == std::errc::result_out_of_range ? FASTTREES_OUT_OF_RANGE : FASTTREES_NOT_A_NUMBER;
}

template <class Number>
static inline char* fasttrees_format(char* begin, char* end, Number value) {
    return std::to_chars(begin, end, value).ptr;
}
