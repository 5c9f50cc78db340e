// Sees every access of a kernel: g++ announces them (-fsanitize=thread), and these functions stand where its own library would.
//
// A kernel may touch its shared memory and what its arguments cover, nothing else; two threads may touch the same word, one of them to
// write, only with a barrier between them, or __syncwarp() within a warp (shuffles, votes and products order no memory), and blocks not at
// all; words of shared memory are written before they are read.
#pragma once

extern "C" __attribute__((visibility("hidden"))) char __ehdr_start, _end;  // of this library: constants, and the emulator's own state

#define UNWATCHED __attribute__((no_sanitize("thread"), used, visibility("default")))

namespace emulator {

constexpr int NOBODY = -1, MANY = -2;  // threads

struct Moment {
    int thread = NOBODY, block, warp;
    unsigned barriers, warp_barriers;
};

struct Word {
    Moment written, read;  // the last ones
};

// Memory of arguments; a byte of `allowed` is 0 where none covers it, 1 where what is loaded may be dropped: loads there are no race.
struct Array {
    const char* begin;
    size_t bytes;
    const unsigned char* allowed;
};

constexpr int MOST_ARRAYS = 64;
static Array arrays[MOST_ARRAYS];
static Word* words_of_array[MOST_ARRAYS];
static int array_count;
static Word words_of_shared[MOST_SHARED / 4];

template <class... A> UNWATCHED void blame(const char* format, A... values) {
    if (block.error) return;
    std::snprintf(block.message, sizeof block.message, format, values...);
    block.error = block.message;
}

UNWATCHED inline void forget_shared(int bytes) {
    for (int word = 0; word < bytes / 4; word++) words_of_shared[word] = Word();
}

UNWATCHED inline Moment now() {
    const Warp& warp = block.warp[block.current / 32];
    return {block.current, block.number, block.current / 32, block.barriers, warp.barriers};
}

// Whether what `other` did at `then` is over for the thread that runs.
UNWATCHED inline bool over(const Moment& then, const Moment& at) {
    if (then.thread == NOBODY) return true;
    if (then.block != at.block) return false;
    return then.thread == at.thread || then.barriers < at.barriers || (then.warp == at.warp && then.warp_barriers < at.warp_barriers);
}

UNWATCHED inline void touch(Word& word, bool writes, const char* what) {
    const Moment at = now();
    if (!over(word.written, at) || (writes && !over(word.read, at)))
        blame("a race in %s: thread %d of block %d and thread %d of block %d", what, at.thread, at.block,
              (over(word.written, at) ? word.read : word.written).thread, (over(word.written, at) ? word.read : word.written).block);
    if (writes) {
        word.written = at;
        word.read.thread = NOBODY;
    } else if (over(word.read, at)) {
        word.read = at;
    } else {
        const int warp = word.read.warp == at.warp && word.read.block == at.block ? at.warp : NOBODY;
        word.read = at;
        word.read.thread = MANY;
        word.read.warp = warp;
    }
}

UNWATCHED inline bool within(const char* place, size_t bytes, const char* begin, size_t size) {
    return place >= begin && place + bytes <= begin + size;
}

// No lambda here, nor what else g++ would watch: it would watch itself.
UNWATCHED inline void accessed(const void* address, size_t bytes, bool writes) {
    const char* place = static_cast<const char*>(address);
    const char* here = static_cast<const char*>(__builtin_frame_address(0));
    if (here < block.stacks || here >= block.stacks + size_t(MOST_THREADS) * STACK) return;  // no thread of a block
    if (within(place, bytes, block.stacks, size_t(MOST_THREADS) * STACK)) return;
    if (within(place, bytes, &__ehdr_start, &_end - &__ehdr_start)) return;
    if (place >= block.shared && place < block.shared + MOST_SHARED + 2 * RED_ZONE) {
        const int64 first = place - block.shared - RED_ZONE;
        if (first < 0 || first + int64(bytes) > block.shared_bytes)
            return blame("%s outside of the shared memory it asked for", writes ? "writes" : "reads");
        for (int64 word = first / 4; word < (first + int64(bytes) + 3) / 4; word++) {
            if (!writes && words_of_shared[word].written.thread == NOBODY) blame("reads a word of shared memory that nobody wrote");
            touch(words_of_shared[word], writes, "shared memory");
        }
        return;
    }
    for (int i = 0; i < array_count; i++) {
        if (!within(place, bytes, arrays[i].begin, arrays[i].bytes)) continue;
        const size_t first = place - arrays[i].begin;
        if (!arrays[i].allowed[first] || !arrays[i].allowed[first + bytes - 1]) break;
        if (!writes && arrays[i].allowed[first] == 1) return;
        for (size_t word = first / 4; word < (first + bytes + 3) / 4; word++) touch(words_of_array[i][word], writes, "global memory");
        return;
    }
    blame("%s outside of its arrays", writes ? "writes" : "reads");
}

}  // namespace emulator

extern "C" {
// The arrays of the next launch.
UNWATCHED void watch_arrays(int count, const emulator::Array* arrays) {
    for (int i = 0; i < emulator::array_count; i++) delete[] emulator::words_of_array[i];
    emulator::array_count = count;
    for (int i = 0; i < count; i++) {
        emulator::arrays[i] = arrays[i];
        emulator::words_of_array[i] = new emulator::Word[arrays[i].bytes / 4 + 1];
    }
}

UNWATCHED void __tsan_init() {}
UNWATCHED void __tsan_func_entry(void*) {}
UNWATCHED void __tsan_func_exit() {}
#define ACCESS(BYTES)                                                                                           \
    UNWATCHED void __tsan_read##BYTES(void* address) { emulator::accessed(address, BYTES, false); }             \
    UNWATCHED void __tsan_write##BYTES(void* address) { emulator::accessed(address, BYTES, true); }             \
    UNWATCHED void __tsan_unaligned_read##BYTES(void* address) { emulator::accessed(address, BYTES, false); }   \
    UNWATCHED void __tsan_unaligned_write##BYTES(void* address) { emulator::accessed(address, BYTES, true); }
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8) ACCESS(16)
#undef ACCESS
UNWATCHED void __tsan_read_range(void* address, size_t bytes) { emulator::accessed(address, bytes, false); }
UNWATCHED void __tsan_write_range(void* address, size_t bytes) { emulator::accessed(address, bytes, true); }
}
