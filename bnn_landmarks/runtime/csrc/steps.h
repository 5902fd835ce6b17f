// What a planned program does, one step after another.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "graph.h"
#include "kernels.h"
#include "thread_pool.h"
#include "zero_padding.h"

struct Shape {
  int n = 0, h = 0, w = 0, c = 0;  // c counts channels, of bits as of floats
  int64_t pixels() const { return static_cast<int64_t>(n) * h * w; }
};

// Memory on a cache line's boundary, zeroed.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(size_t bytes);
  uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t, Free> data_;
};

// Floats of one or more tensors, one pixel's channels together. Lives in the program's memory between the first and
// the last step that touch it, or in a tensor of the interpreter.
struct FloatBuffer {
  int channels = 0;
  int64_t pixels = 0;
  int tensor = -1;  // of the interpreter
  int first_step = -1, last_step = -1;
  size_t offset = 0;  // bytes, within the program's memory
  float* data = nullptr;  // set before each run
};

// A slice of a buffer's channels; buffer null: nothing.
struct FloatSlice {
  FloatBuffer* buffer = nullptr;
  int channel = 0;
  float* At(int64_t pixel) const { return buffer->data + pixel * buffer->channels + channel; }
};

// Where a pixel lies.
struct Place {
  int n, y, x;
  Place(int64_t pixel, const Shape& shape)
      : n(static_cast<int>(pixel / shape.w / shape.h)),
        y(static_cast<int>(pixel / shape.w % shape.h)),
        x(static_cast<int>(pixel % shape.w)) {}
  void Next(const Shape& shape) {
    if (++x < shape.w) return;
    x = 0;
    if (++y < shape.h) return;
    y = 0;
    ++n;
  }
};

// An image of bits as the kernels read it, with a margin of +1 around it for the convolutions that pad.
struct BitImage {
  Shape shape;
  int words = 0;
  int top = 0, bottom = 0, left = 0, right = 0;
  size_t pixel_bytes = 0, row_bytes = 0, image_bytes = 0;
  AlignedBytes bytes;
  uint8_t* At(int n, int y, int x) const {  // y and x may reach into the margin
    return bytes.data() + n * image_bytes + static_cast<size_t>(y + top) * row_bytes +
           static_cast<size_t>(x + left) * pixel_bytes;
  }
  uint8_t* At(const Place& place) const { return At(place.n, place.y, place.x); }
};

// Bits taken from a float slice right after it was written: x * scale + shift < 0.
struct Signing {
  const float* scale = nullptr;  // null: x < 0
  const float* shift = nullptr;
  BitImage* image = nullptr;
  int word = 0;  // of the image, where the slice begins
};

// Bits taken from a convolution's counts.
struct Thresholds {
  std::vector<int32_t> threshold;  // padded to whole words
  std::vector<uint32_t> flip;
  BitImage* image = nullptr;
  int word = 0;
};

struct Memory {
  std::vector<std::unique_ptr<FloatBuffer>> floats;
  std::vector<std::unique_ptr<BitImage>> images;
  std::vector<std::unique_ptr<std::vector<float>>> constants;
  AlignedBytes arena;
};

struct RunContext {
  const TfLiteContext* tflite;
  const Kernels* kernels;
  ThreadPool* pool;
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void Run(const RunContext& run) = 0;
  virtual std::string Name() const = 0;
  virtual std::vector<FloatBuffer*> Floats() const { return {}; }  // that it reads or writes
};

struct Tile {
  int channel;   // the first
  int channels;
  size_t offset;  // bytes, within the packed filters
};

class ConvStep : public Step {
 public:
  void Run(const RunContext& run) override;
  std::string Name() const override;
  std::vector<FloatBuffer*> Floats() const override;

  // Packs the filters [channels_out][words under a filter] in tiles.
  void SetFilters(const Kernels& kernels, const uint32_t* filters);

  const Kernels* kernels = nullptr;
  ConvShape shape = {};
  Shape out_shape;
  ConvOptions options;
  BitImage* input = nullptr;
  int pad_top = 0, pad_left = 0;
  std::vector<Window> windows;
  int depth_words = 0;
  std::vector<float> multiplier, bias;  // padded to whole words
  int32_t clamp_min = 0, clamp_max = 0;
  FloatSlice output, residual;
  std::vector<Thresholds> thresholds;
  std::vector<Signing> signings;                // of the output
  const uint32_t* zero_padding_filter = nullptr;  // null: the margin's ones stay
  const float* zero_padding_multiplier = nullptr;

 private:
  void RunTask(const Tile& tile, int64_t first, int pixels) const;
  AlignedBytes packed_;
  std::vector<Tile> tiles_;
};

// A float map computed pixel by pixel, and its bits.
class MapStep : public Step {
 public:
  enum class Kind { kSign, kCopy, kScale, kShift, kAdd, kAddUpsampled, kUpsample, kMaxPool };

  void Run(const RunContext& run) override;
  std::string Name() const override;
  std::vector<FloatBuffer*> Floats() const override;

  Kind kind = Kind::kSign;
  Shape shape;  // of the result
  int channels = 0;
  FloatSlice output, a, b;  // kAddUpsampled: b is the small one
  Shape input_shape;        // kMaxPool
  PoolOptions pool;
  int pad_top = 0, pad_left = 0;
  const float* constant = nullptr;  // kScale, kShift
  std::vector<Signing> signings;

 private:
  void RunRow(const Kernels& kernels, int n, int y) const;
};

// Moves bits between the kernels' images and the interpreter's bitpacked tensors, or unpacks them to +-1.
class BitTensorStep : public Step {
 public:
  enum class Kind { kImport, kExport, kUnpack };

  void Run(const RunContext& run) override;
  std::string Name() const override { return kind == Kind::kImport ? "import bits" : kind == Kind::kExport ? "export bits" : "dequantize"; }
  std::vector<FloatBuffer*> Floats() const override;

  Kind kind = Kind::kImport;
  BitImage* image = nullptr;
  int tensor = -1;
  FloatSlice output;
};

class BitPoolStep : public Step {
 public:
  void Run(const RunContext& run) override;
  std::string Name() const override { return "bit max pool"; }

  BitImage* input = nullptr;
  BitImage* output = nullptr;
  PoolOptions pool;
  int pad_top = 0, pad_left = 0;
};
