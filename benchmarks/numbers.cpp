// Times the routines that read numbers, in turn with std::from_chars: python -m benchmarks.numbers compiles and runs it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "fasttrees/_textio/native/numbers.hpp"
#include "fasttrees/_textio/native/short_numbers.hpp"

constexpr int N_NUMBERS = 100000, TURNS = 41;

struct Cells {
    std::string text;                               // with room behind it for what the routines may read
    std::vector<std::pair<size_t, size_t>> places;  // where each cell begins and ends
};

Cells make_cells(const char* format) {
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    Cells cells;
    cells.text.assign(64, ' ');
    char cell[64];
    for (int i = 0; i < N_NUMBERS; ++i) {
        int length = std::snprintf(cell, sizeof cell, format, normal(random));
        cells.places.emplace_back(cells.text.size(), cells.text.size() + length);
        cells.text.append(cell, length).append(",");
    }
    cells.text.append(128, ' ');
    return cells;
}

template <class Read>
double nanoseconds(const Cells& cells, Read read) {
    auto begin = std::chrono::steady_clock::now();
    double sum = 0;
    for (auto [from, to] : cells.places) sum += read(cells.text.data() + from, cells.text.data() + to);
    auto end = std::chrono::steady_clock::now();
    static volatile double kept;
    kept = sum;
    return std::chrono::duration<double, std::nano>(end - begin).count() / N_NUMBERS;
}

int main() {
    for (const char* format : {"%.3f", "%.6g", "%.17g"}) {
        Cells cells = make_cells(format);
        const char* text_end = cells.text.data() + cells.text.size();
        std::vector<double> library, quick, backwards;
        for (int turn = 0; turn < TURNS; ++turn) {
            library.push_back(nanoseconds(cells, [](const char* from, const char* to) {
                double value = 0;
                std::from_chars(from, to, value);
                return value;
            }));
            quick.push_back(nanoseconds(cells, [=](const char* from, const char* to) {
                double value = 0;
                const char* stop;
                if (!fasttrees_quick(from, text_end, &value, &stop)) std::from_chars(from, to, value);
                return value;
            }));
            backwards.push_back(nanoseconds(cells, [](const char* from, const char* to) {
                double value = 0;
                if (!fasttrees_number_before(from, to, &value)) std::from_chars(from, to, value);
                return value;
            }));
        }
        auto median = [](std::vector<double>& times) {
            std::sort(times.begin(), times.end());
            return times[times.size() / 2];
        };
        double base = median(library), one = median(quick), other = median(backwards);
        std::printf("%-6s  from_chars %5.1f ns, quick_double %5.1f ns (%.2f), read_number_before %5.1f ns (%.2f)\n", format,
                    base, one, base / one, other, base / other);
    }
}
