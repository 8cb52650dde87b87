// Memory of a model's arrays; see arrays.pxd.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>

namespace fasttrees {

// An array of items of any one type: memory of its own, or memory that somebody lends and nobody writes to.
struct AnyArray {
    char* bytes = nullptr;
    size_t count = 0;
    size_t room = 0;  // items that fit the memory of its own; 0 if it has none
    const size_t item_size;

    explicit AnyArray(size_t item_size) : item_size(item_size) {}
    AnyArray(const AnyArray&) = delete;
    AnyArray& operator=(const AnyArray&) = delete;
    ~AnyArray() { release(); }

    size_t size() const { return count; }
    size_t n_bytes() const { return (count > room ? count : room) * item_size; }

    void release() {
        if (room) std::free(bytes);
        bytes = nullptr;
        count = room = 0;
    }
    void borrow(const char* lent, size_t n_items) {
        release();
        bytes = const_cast<char*>(lent);
        count = n_items;
    }
    void copy(const char* from, size_t n_items) {
        release();
        reserve(n_items);
        if (n_items) std::memcpy(bytes, from, n_items * item_size);
        count = n_items;
    }
    void reserve(size_t wanted) {
        if (wanted > room) move(wanted);
    }
    void shrink() {
        if (room && !count) release();
        else if (room > count) move(count);
    }

protected:
    void make_room(size_t more) {
        if (count + more > room) move(count + more > 2 * room ? count + more : 2 * room);
    }
    void move(size_t wanted) {
        if (wanted > static_cast<size_t>(-1) / 2 / item_size) throw std::bad_alloc();
        void* moved = std::realloc(room ? bytes : nullptr, wanted * item_size);
        if (!moved) throw std::bad_alloc();
        if (!room && count) std::memcpy(moved, bytes, count * item_size);
        bytes = static_cast<char*>(moved);
        room = wanted;
    }
};

template <class Item> struct Array : AnyArray {
    static_assert(std::is_trivially_copyable<Item>::value && alignof(Item) <= 8, "items are copied as bytes");

    Array() : AnyArray(sizeof(Item)) {}
    Item* data() { return reinterpret_cast<Item*>(bytes); }
    const Item* data() const { return reinterpret_cast<const Item*>(bytes); }
    Item& operator[](size_t i) {
#ifdef _GLIBCXX_ASSERTIONS
        if (i >= count) std::abort();
#endif
        return data()[i];
    }
    Item& back() { return (*this)[count - 1]; }
    void push_back(Item item) {
        make_room(1);
        data()[count++] = item;
    }
    void resize(size_t wanted, Item item = Item()) {
        if (wanted > count) make_room(wanted - count);
        while (count < wanted) data()[count++] = item;
        count = wanted;
    }
    void extend(const Item* items, size_t n_items) {
        make_room(n_items);
        if (n_items) std::memcpy(bytes + count * sizeof(Item), items, n_items * sizeof(Item));
        count += n_items;
    }
};

}
