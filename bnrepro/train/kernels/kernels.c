/* What a training step does between its convolutions, in few passes over memory: norm.c, entries.c, images.c.

   Images lie channels-last: a matrix of pixels by channels, of float or of bfloat16. Arithmetic is float32, sums over
   pixels are carried on in double. A vector has 16 lanes whatever the processor has, and nothing may be reassociated or
   contracted: every processor and compiler is to give the same bits. One thread. */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pairs of bfloat16 are taken apart as little-endian processors keep them"
#endif

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16, PAIR = 2 * LANES, TILE = 2 * PAIR, VECTORS = TILE / LANES, CHUNK_BYTES = 16384, GROUP_FLOATS = 8192 };

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t integers __attribute__((vector_size(4 * LANES)));
typedef uint32_t bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE long smaller(long a, long b) { return a < b ? a : b; }

INLINE long larger(long a, long b) { return a > b ? a : b; }

/* `value`, and 0 in the lanes where `mask` is set. */
INLINE floats without(floats value, integers mask) { return (floats)((integers)value & ~mask); }

INLINE floats load_float(const float *from) {
    floats value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* What each lane of a tile is multiplied with or the like, in registers from row to row. */
INLINE void load_tile(const float *from, floats tile[VECTORS]) {
    for (int v = 0; v < VECTORS; v++) tile[v] = load_float(from + v * LANES);
}

INLINE void store_float(float *to, floats value) { memcpy(to, &value, sizeof value); }

/* 32 elements as two vectors. Of float, the first and the second half. Of bfloat16, the even and the odd ones: two stand
   in the same 32 bits, so that a shift and a mask take them apart. */
INLINE void load_pair_float32(const float *from, floats pair[2]) {
    pair[0] = load_float(from);
    pair[1] = load_float(from + LANES);
}

INLINE void store_pair_float32(float *to, const floats pair[2]) {
    store_float(to, pair[0]);
    store_float(to + LANES, pair[1]);
}

INLINE void load_pair_bfloat16(const uint16_t *from, floats pair[2]) {
    bits both;
    memcpy(&both, from, sizeof both);
    pair[0] = (floats)(both << 16);
    pair[1] = (floats)(both & 0xffff0000);
}

/* A bfloat16 in the upper half, to the nearest, ties to even. NaN stays NaN: what arithmetic makes of numbers and of
   bfloat16 has zeros in the lower half, so that nothing carries. */
INLINE bits rounded(floats value) {
    bits whole = (bits)value;
    return whole + 0x7fff + (whole >> 16 & 1);
}

INLINE void store_pair_bfloat16(uint16_t *to, const floats pair[2]) {
    bits both = rounded(pair[0]) >> 16 | (rounded(pair[1]) & 0xffff0000);
    memcpy(to, &both, sizeof both);
}

/* Where an element of a row stands among the lanes of its pairs. */
INLINE long lane_of_float32(long element) { return element; }

INLINE long lane_of_bfloat16(long element) {
    return element / PAIR * PAIR + element % 2 * LANES + element % PAIR / 2;
}

INLINE floats load_bfloat16(const uint16_t *from) {
    halves value;
    memcpy(&value, from, sizeof value);
    return (floats)(__builtin_convertvector(value, bits) << 16);
}

INLINE void add_to(double *sums, floats values) {
    for (int lane = 0; lane < LANES; lane++) sums[lane] += (double)values[lane];
}

#ifdef __clang__
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, (integers){__VA_ARGS__})
#endif

/* 16 vectors as the rows of a matrix become its columns: four rounds of a perfect shuffle. */
INLINE void transpose(floats rows[LANES]) {
    for (int round = 0; round < 4; round++) {
        floats shuffled[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            floats a = rows[i], b = rows[i + LANES / 2];
            shuffled[2 * i] = SHUFFLED(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            shuffled[2 * i + 1] = SHUFFLED(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(rows, shuffled, sizeof shuffled);
    }
}

/* How a matrix of pixels by channels is walked: rows of whole tiles in which the channels repeat, and a rest. */
struct shape {
    long channels, lanes, rows, rest, chunk;
};

static struct shape shape_of(long pixels, long channels, long element_bytes) {
    struct shape shape = {.channels = channels, .lanes = channels};
    while (shape.lanes % TILE) shape.lanes += channels;
    shape.rows = pixels * channels / shape.lanes;
    shape.rest = pixels * channels % shape.lanes;
    shape.chunk = CHUNK_BYTES / (shape.lanes * element_bytes);
    if (shape.chunk < 1) shape.chunk = 1;
    return shape;
}

/* The shape of one row: what the rest becomes. */
static struct shape one_row(struct shape shape) {
    shape.rows = 1;
    shape.rest = 0;
    return shape;
}

#include "images.c"

/* Scratch memory of one call; everything in it starts at 0. */
struct room {
    void *all, *rows;
    double *first, *second;
    float *floats;
};

enum { ROWS = 6, FLOAT_ROWS = 4 };

static int take(struct room *room, struct shape shape, long element_bytes) {
    room->all = calloc(shape.lanes, 2 * sizeof(double) + FLOAT_ROWS * sizeof(float) + ROWS * element_bytes);
    if (!room->all) return 0;
    room->first = room->all;
    room->second = room->first + shape.lanes;
    room->floats = (float *)(room->second + shape.lanes);
    room->rows = room->floats + FLOAT_ROWS * shape.lanes;
    return 1;
}

static float value_float32(float element) { return element; }

static float value_bfloat16(uint16_t element) {
    uint32_t whole = (uint32_t)element << 16;
    float value;
    memcpy(&value, &whole, sizeof value);
    return value;
}

#define ELEMENT float
#define NAME(x) x##_float32
#define LOAD load_float
#include "norm.c"
#include "entries.c"
#undef ELEMENT
#undef NAME
#undef LOAD

#define ELEMENT uint16_t
#define NAME(x) x##_bfloat16
#define LOAD load_bfloat16
#include "norm.c"
#include "entries.c"
