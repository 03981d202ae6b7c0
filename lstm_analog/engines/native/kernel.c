/* The kernel of the engines: executes lists of operations on arrays, which `encoding.py` writes down from calls of numpy.

   A program is a list of operations of WORDS words each (operations.inc), one after the other. Nothing here knows a
   network, a law or an LSTM. The elementary functions are written so that a compiler turns their loops into vector
   instructions; they are within 4 units in the last place (tests/engines/test_native.py). */
#include <math.h>
#include <stdint.h>
#include "operations.inc"

/* BLOCK: numbers of each operand that operations work on at once; larger: they leave the nearest cache. FEW: rows and terms
   up to which a product goes in tiles, whatever its columns; larger: scipy's is faster. */
enum { BLOCK = 2048, FEW = 48 };

#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define INTERLEAVED _Pragma("clang loop vectorize(assume_safety) interleave_count(4)")
#define UNROLLED _Pragma("clang loop unroll(full)")
#define STREAM(place, value) __builtin_nontemporal_store(value, place)
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#define INTERLEAVED INDEPENDENT
#define UNROLLED _Pragma("GCC unroll 12")
#define STREAM(place, value) (*(place) = (value))
#endif

#define INLINE inline __attribute__((always_inline))

typedef void gemm_double(const char *, const char *, const int *, const int *, const int *, const double *,
                         const double *, const int *, const double *, const int *, const double *, double *, const int *);
typedef void gemm_float(const char *, const char *, const int *, const int *, const int *, const float *,
                        const float *, const int *, const float *, const int *, const float *, float *, const int *);
typedef void gemv_double(const char *, const int *, const int *, const double *, const double *, const int *,
                         const double *, const int *, const double *, double *, const int *);
typedef void gemv_float(const char *, const int *, const int *, const float *, const float *, const int *,
                        const float *, const int *, const float *, float *, const int *);
static gemm_double *dgemm;
static gemm_float *sgemm;
static gemv_double *dgemv;
static gemv_float *sgemv;

/* Take the addresses of the matrix products that scipy comes with. */
void bind(void *gemm_of_double, void *gemm_of_float, void *gemv_of_double, void *gemv_of_float) {
    dgemm = (gemm_double *)gemm_of_double;
    sgemm = (gemm_float *)gemm_of_float;
    dgemv = (gemv_double *)gemv_of_double;
    sgemv = (gemv_float *)gemv_of_float;
}

/* A line of the cache, of numbers of double precision. */
typedef double line __attribute__((vector_size(64)));
enum { LINE = sizeof(line) / sizeof(double) };

/* How many numbers a row of a block has, how many rows a lap has, and how many laps there are. */
struct extent { long n, rows, laps; };

/* Where a block begins on each axis of an operation element by element. */
struct place { long n, plane, lap, row; };

static inline long least_of(long a, long b) { return a < b ? a : b; }

/* Return where the numbers of operand `k` begin. */
static INLINE void *operand_at(const struct elementwise *at, long k) {
    address place = at->operand[k].at;
    return (void *)(at->bits & CURSOR << k ? *(const word *)place : place);
}

/* Polynomials of (exp(r) - 1) / r for |r| <= ln 2 / 2, of artanh(s) / s = 1 + z A(z) with z = s^2 <= 0.0295, and of
   tanh(r) / r = 1 + z P(z) with z = r^2 <= (ln 2 / 4)^2: their largest relative errors are 1.8e-17, 1.2e-18 and 4.1e-18,
   in single precision 1.3e-8, 8.1e-10 and 1.6e-10, the least for as many terms (`benchmarks/minimax.py`). */
#define T double
#define I int64_t
#define MANTISSA 52
#define BIAS 1023
#define MAGIC 6755399441055744.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define EXP_HIGH 709.782712893384
#define EXP_LOW -708.0
#define TANH_HIGH 20.0
#define SQRT_HALF_BITS 0x3fe6a09e667f3bcd
#define FABS fabs
#define COPYSIGN copysign
#define SQRT_OF sqrt
#define GEMM dgemm
#define GEMV dgemv
#define WIDE 32
#ifdef __AVX512F__
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#endif
#define EXPM1_SERIES(r) (1.0 + r * (0.50000000000000051792 + r * (0.16666666666666589287 + r * (0.041666666666576753417 \
    + r * (0.0083333333333895559745 + r * (0.0013888888931565615851 + r * (0.00019841269718990111055 \
    + r * (2.4801505272770486303e-5 + r * (2.7557407560607395367e-6 + r * (2.7626038310665965887e-7 \
    + r * 2.5053769025134431489e-8))))))))))
#define ARTANH_SERIES(z) (0.33333333333333672571 + z * (0.1999999999970696951 + z * (0.14285714371283190439 \
    + z * (0.11111099276710083978 + z * (0.090917827121249653998 + z * (0.076570103549587785765 \
    + z * 0.07398132574555554401))))))
#define TANH_SERIES(z) (-0.33333333333332488058 + z * (0.13333333332785171339 + z * (-0.053968252784197497177 \
    + z * (0.021869370860921332499 + z * (-0.0088573132157110540947 + z * 0.0034448880645057617901)))))
#include "kernels.inc"
#include "products.inc"
#undef T
#undef I
#undef MANTISSA
#undef BIAS
#undef MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_HIGH
#undef EXP_LOW
#undef TANH_HIGH
#undef SQRT_HALF_BITS
#undef FABS
#undef COPYSIGN
#undef SQRT_OF
#undef GEMM
#undef GEMV
#undef EXPM1_SERIES
#undef ARTANH_SERIES
#undef TANH_SERIES
#undef WIDE

#define T float
#define I int32_t
#define MANTISSA 23
#define BIAS 127
#define MAGIC 12582912.0f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define EXP_HIGH 88.72283f
#define EXP_LOW -87.0f
#define TANH_HIGH 10.0f
#define SQRT_HALF_BITS 0x3f3504f3
#define FABS fabsf
#define COPYSIGN copysignf
#define SQRT_OF sqrtf
#define GEMM sgemm
#define GEMV sgemv
#define WIDE 64
#ifdef __AVX512F__
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#else
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#endif
#define EXPM1_SERIES(r) (1.0f + r * (0.49999998153971126347f + r * (0.16666543621800496927f + r * (0.041667199922466083263f \
    + r * (0.008366520526430725759f + r * 0.0013882516842914509202f)))))
#define ARTANH_SERIES(z) (0.33333388225140135311f + z * (0.19988766090426664133f + z * 0.14936001006086455555f))
#define TANH_SERIES(z) (-0.33333322746484693821f + z * (0.13331186646800533512f + z * -0.052727754779214416499f))
#include "kernels.inc"
#include "products.inc"

/* Write the largest size in each column of all rows of some matrices, times the scales of that matrix, to `out`.
   Sizes are compared by their bits, whose order is that of the numbers, NaN above all: that makes vectors of it. */
static void largest_of_each(const struct largest_of_each *at) {
    word *most = (word *)at->out;
    long n = at->n;
    for (long i = 0; i < n; i++) most[i] = 0;
    for (long k = 0; k < at->matrices; k++) for (long row = 0; row < at->rows; row++) {
        const double *in = (const double *)at->values + (k * at->rows + row) * n, *scale = (const double *)at->scale + k * n;
        INDEPENDENT for (long i = 0; i < n; i++) {
            union { double value; word bits; } size = {.value = fabs(in[i] * scale[i])};
            most[i] = size.bits > most[i] ? size.bits : most[i];
        }
    }
}

/* Return `calls.next_coefficients` of the `count` sizes of Chebyshev coefficients: a bound of those that follow them. */
static double following(const double *last, long count) {
    double pairs[1 + count / 2], ratio = 0.0;
    long many = 0;
    for (long k = 0; k < count; k++) if (!isfinite(last[k])) return INFINITY;
    if (count < 4) pairs[many++] = last[0];
    for (long k = count < 4 ? 1 : count % 2; k < count; k += 2)
        pairs[many++] = k + 1 < count && last[k + 1] > last[k] ? last[k + 1] : last[k];
    double after = pairs[many - 1];
    if (many > 2 && after != 0.0 && pairs[many - 3] != 0.0) {
        double before = pairs[many - 2], fall = before / pairs[many - 3];
        double least = before * (fall < 1.0 ? fall : 1.0);
        after = least > after ? least : after;
    }
    if (after == 0.0) return 0.0;
    for (long k = 0; k < many - 1; k++) {
        double fall = pairs[k] != 0.0 ? pow(after / pairs[k], 1.0 / (double)(many - 1 - k)) : INFINITY;
        ratio = fall > ratio ? fall : ratio;
    }
    double more = ratio < 1.0 ? ratio / (1.0 - ratio) : 10.0;
    return 16.0 * after * (more < 10.0 ? more : 10.0);
}

/* Copy numbers of single precision to numbers of double precision. */
static void widen(const struct elementwise *at) {
    const struct operand *out = at->operand, *in = out + 1;
    double *first_out = operand_at(at, 0);
    const float *first_in = operand_at(at, 1);
    for (long plane = 0; plane < at->planes; plane++)
    for (long lap = 0; lap < at->laps; lap++)
    for (long row = 0; row < at->rows; row++) {
        double *to = first_out + plane * out->plane + lap * out->lap + row * out->row;
        const float *from = first_in + plane * in->plane + lap * in->lap + row * in->row;
        if (out->step == 1 && in->step == 1) INDEPENDENT for (long i = 0; i < at->n; i++) to[i] = (double)from[i];
        else for (long i = 0; i < at->n; i++) to[i * out->step] = (double)from[i * in->step];
    }
}

#include "solving.inc"

static long execute(const word *program, long count);

/* Execute a program for each row of a table, which is written to cursors before; return whether all came to their end. */
static int each_part(const struct each_part *at) {
    const word *table = (const word *)at->table;
    for (long row = 0; row < at->rows; row++) {
        for (long k = 0; k < at->width; k++) ((word *)at->cursors)[k] = table[row * at->width + k];
        if (execute((const word *)at->operations, at->count) < at->count) return 0;
    }
    return 1;
}

/* Return whether the double at `value` is at most that at `limit`. */
static INLINE int is_within(address value, address limit) { return *(const double *)value <= *(const double *)limit; }

/* One operation as its words, and a function of them for its type of numbers. */
#define AS(name) ((const struct name *)at)
#define BY_TYPE(function, name) if (single) function##_float(AS(name)); else function##_double(AS(name))

/* Execute `count` operations; return that number, or the number of the one that stopped. */
static long execute(const word *program, long count) {
    for (long place = 0; place < count; place++) {
        const word *at = program + place * WORDS;
        long op = at[0], single = at[1] & SINGLE;
        if (op <= LAST_ELEMENTWISE) {
            long together = at[1] >> TOGETHER & 255 ? at[1] >> TOGETHER & 255 : 1;
            if (single) elementwise_float(AS(elementwise), together);
            else elementwise_double(AS(elementwise), together);
            place += together - 1;
        } else if (op <= LAST_INDEXED) {
            BY_TYPE(indexed, indexed);
        } else switch (op) {
        case MATMUL: BY_TYPE(product, matmul); break;
        case ADVANCE: for (long k = 0; k < AS(advance)->n; k++) ++((word *)AS(advance)->words)[k]; break;
        case ASSIGN: *(word *)AS(assign)->out = *(const word *)AS(assign)->in; break;
        case SKIP_IF_EQUAL:
            if (*(const word *)AS(skip)->value == *(const word *)AS(skip)->limit) place += AS(skip)->count;
            break;
        case SKIP_IF_WITHIN: if (is_within(AS(skip)->value, AS(skip)->limit)) place += AS(skip)->count; break;
        case LARGEST: BY_TYPE(largest, largest); break;
        case FOLLOWING:
            *(double *)AS(following)->out = following((const double *)AS(following)->sizes, AS(following)->n);
            break;
        case STOP_ABOVE: if (!is_within(AS(repeat)->value, AS(repeat)->limit)) return place; break;
        case REPEAT_ABOVE:
            if (is_within(AS(repeat)->value, AS(repeat)->limit)) break;
            if (++*(word *)AS(repeat)->counter >= AS(repeat)->most) return place;
            place -= AS(repeat)->count + 1;
            break;
        case WIDEN: widen(AS(elementwise)); break;
        case STOP_UNLESS_POSITIVE:
            if (!(single ? positive_float(AS(positive)) : positive_double(AS(positive)))) return place;
            break;
        case LARGEST_OF_EACH: largest_of_each(AS(largest_of_each)); break;
        case PRODUCTS: products(AS(products)); break;
        case INVERT: invert_lanes(AS(invert)); break;
        case COLLOCATION: collocation(AS(collocation)); break;
        case PROGRAM:
            if (execute((const word *)AS(program)->operations, AS(program)->count) < AS(program)->count) return place;
            break;
        case EACH_PART: if (!each_part(AS(each_part))) return place; break;
        case RECORD: BY_TYPE(record, record); break;
        }
    }
    return count;
}

long run(const word *program, long count) { return execute(program, count); }

/* Execute a program for each of `count` rows of a table: its address, its length, and what is written to `cursors`
   before. Return how many came to their end. */
long run_rows(const word *table, long width, long count, word *cursors) {
    for (long row = 0; row < count; row++) {
        const word *at = table + row * width;
        for (long k = 2; k < width; k++) cursors[k - 2] = at[k];
        if (execute((const word *)at[0], at[1]) < at[1]) return row;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);  /* what was streamed is written before another thread reads it */
    return count;
}
