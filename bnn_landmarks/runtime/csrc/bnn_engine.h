/* The engine's C interface: runs a network exported by this project (a .tflite file of Larq Compute Engine's operators
 * and of the float operators around them) without TensorFlow Lite.
 *
 *     bnn_model* model = bnn_open(bytes, size);
 *     bnn_context* context = model ? bnn_context_new(model, 4) : NULL;
 *     if (!context || bnn_run_uint8(context, pixels, maps) != 0) fprintf(stderr, "%s\n", bnn_error());
 *     bnn_context_free(context);
 *     bnn_close(model);
 *
 * Threads. A model never changes once it is open: any number of contexts, on any threads, share it and its weights. A
 * context holds what one run writes to: it may move between threads, but only one may be in a call with it at a time;
 * for runs at the same time make a context for each. bnn_open, bnn_context_new, bnn_error and the calls that only read
 * a model may be made from any thread at any time.
 *
 * Errors. Calls return NULL or a nonzero number where they fail; bnn_error then says why, in one line.
 *
 * Results. The same network, input and build give the same bits on every processor and with any number of threads, but
 * for -0.0 against 0.0 (ARM: under emulation, docs/runtime.md).
 */
#ifndef BNN_ENGINE_H_
#define BNN_ENGINE_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define BNN_API
#else
#define BNN_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bnn_model bnn_model;
typedef struct bnn_context bnn_context;

enum { BNN_FLOAT32 = 0, BNN_INT32 = 2, BNN_UINT8 = 3 }; /* INT32: bits, set below zero, 32 channels a number */

/* An input or output: dims[0] to dims[rank - 1], in C order without gaps, `bytes` in all. Of an exported network the
 * input is [batch, side, side, 3], RGB, float32 in [0, 1] or uint8; the output, float32 [batch, height, width, maps].
 */
typedef struct bnn_tensor {
  int32_t type;
  int32_t rank;
  int32_t dims[4];
  size_t bytes;
} bnn_tensor;

/* Reads a .tflite file in memory and plans it. The bytes may go as soon as this returns. NULL: the file is damaged, or
 * needs what this engine does not have. */
BNN_API bnn_model* bnn_open(const void* file, size_t bytes);

/* Contexts that were made of the model stay usable. NULL is ignored. */
BNN_API void bnn_close(bnn_model* model);

/* How many there are: one of each in an exported network. */
BNN_API int32_t bnn_input_count(const bnn_model* model);
BNN_API int32_t bnn_output_count(const bnn_model* model);

/* Describes one, 0 to count - 1, in the file's order. Nonzero where there is none. */
BNN_API int32_t bnn_input(const bnn_model* model, int32_t index, bnn_tensor* tensor);
BNN_API int32_t bnn_output(const bnn_model* model, int32_t index, bnn_tensor* tensor);

/* What one run at a time needs: memory, and `threads` threads, 1 to 64, the caller's among them. */
BNN_API bnn_context* bnn_context_new(const bnn_model* model, int32_t threads);
BNN_API void bnn_context_free(bnn_context* context);

#if defined(__wasm_atomics__)
/* WebAssembly with threads, which starts none by itself: whoever has started one lets it call this, with a number of
 * its own from 1 to `threads` - 1. It takes a part in the context's runs, and returns when the context goes: how much
 * of their work it did, or -1 where there is no such thread. A thread so started may call nothing else of the module,
 * for neither its memory's allocator nor its errors are made for several, and must not come once the context is going.
 */
BNN_API int32_t bnn_work(bnn_context* context, int32_t thread);
#endif

/* Runs the network: an array of pointers to the inputs and one to where the outputs go, each as bnn_input and
 * bnn_output describe, at addresses that its type divides, none of them overlapping. Returns when all is written. */
BNN_API int32_t bnn_run(bnn_context* context, const void* const* inputs, void* const* outputs);

/* For networks of one input and one output of floats: images of the input's shape, whatever type the file takes. Pixels
 * of 0 to 255 are what 0 to 1 in 255ths is to a network of floats; floats are rounded to 255ths for one of bytes. */
BNN_API int32_t bnn_run_uint8(bnn_context* context, const uint8_t* images, float* maps);
BNN_API int32_t bnn_run_float(bnn_context* context, const float* images, float* maps);

/* What went wrong in this thread's last call that failed. Valid until its next one. */
BNN_API const char* bnn_error(void);

/* The kernels that this processor gets: "avx512", "avx2", "dotprod" (NEON with the dot product), "neon"
 * or "portable". */
BNN_API const char* bnn_kernels(void);

/* The bytes that a context takes for itself, and a model for its weights. */
BNN_API size_t bnn_context_bytes(const bnn_context* context);
BNN_API size_t bnn_model_bytes(const bnn_model* model);

/* Times the steps of this context's runs from now on, and the table so far: one line a step, the shortest time of each.
 * The text is valid until the next call with the context. */
BNN_API const char* bnn_profile(bnn_context* context);

#ifdef __cplusplus
}
#endif
#endif
