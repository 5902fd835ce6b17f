// What a planned program does, one step after another. Steps are made once for a network and then only read: whatever a
// run changes lies in the memory that RunContext points to, so that many threads run the same steps at once.
#pragma once

#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "graph.h"
#include "kernels.h"
#include "thread_pool.h"
#include "zero_padding.h"

namespace bnn {

struct Shape {
  int n = 0, h = 0, w = 0, c = 0;  // c counts channels, of bits as of floats
  int64_t pixels() const { return static_cast<int64_t>(n) * h * w; }
};

// Memory on a cache line's boundary, filled.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(size_t bytes, uint8_t fill = 0);
  uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t, Free> data_;
};

struct RunContext {
  float* const* floats;    // by tensor; null where a tensor has none
  uint8_t* const* images;  // by BitImage::index
  void* const* outside;    // by tensor: those of the caller, whatever their type
  float* scratch;          // scratch_floats for each thread
  size_t scratch_floats;
  const Kernels* kernels;
  ThreadPool* pool;
};

// Channels of a tensor's floats, one pixel's together; tensor -1: nothing.
struct FloatSlice {
  int tensor = -1;
  int channel = 0;
  int stride = 0;  // the tensor's channels
  bool wanted() const { return tensor >= 0; }
  float* At(const RunContext& run, int64_t pixel) const { return run.floats[tensor] + pixel * stride + channel; }
};

// Where a pixel lies.
struct Place {
  int n = 0, y = 0, x = 0;
  Place() = default;
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
  int index = -1;
  Shape shape;
  int words = 0;
  int top = 0, bottom = 0, left = 0, right = 0;
  size_t pixel_bytes = 0, row_bytes = 0, image_bytes = 0;
  uint8_t blank = 0;                                               // of the margin's bytes
  uint8_t* At(const RunContext& run, int n, int y, int x) const {  // y and x may reach into the margin
    return run.images[index] + n * image_bytes + static_cast<size_t>(y + top) * row_bytes +
           static_cast<size_t>(x + left) * pixel_bytes;
  }
  uint8_t* At(const RunContext& run, const Place& place) const { return At(run, place.n, place.y, place.x); }
};

// Consecutive pixels of a map. Of a pooled map, those that the pixels are the greatest of: the upper two of each, then
// the lower two.
struct Strip {
  Strip(const Shape& shape, int64_t first, int pixels, bool pooled);
  int size;  // pixels
  Place places[kStrip];
  int ends[kStrip];  // for a pixel that begins a run of neighbours: the pixel behind the run

  // Where they lie in an image that has `step` rows and columns for each of theirs, from (top, left) on.
  void Find(const RunContext& run, const BitImage& image, int step_y, int step_x, int top, int left,
            uint8_t** found) const;
};

// Bits taken from floats right after they were written: x * scale + shift < 0.
struct Signing {
  std::vector<float> scale, shift;  // a channel each; empty: x < 0
  const BitImage* image = nullptr;
  int word = 0;  // of the image, where the slice begins
};

// Bits taken from a convolution's counts.
struct Thresholds {
  std::vector<int32_t> threshold;  // padded to whole words
  std::vector<uint32_t> flip;
  const BitImage* image = nullptr;
  int word = 0;
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void Run(const RunContext& run) const = 0;
  virtual std::string Name() const = 0;
  virtual std::vector<int> Floats() const { return {}; }  // tensors whose floats it reads or writes; -1: none
  virtual size_t ScratchFloats() const { return 0; }      // for each thread
  virtual size_t WeightBytes() const { return 0; }        // of packed filters
};

struct Tile {
  int channel;  // the first
  int channels;
  size_t offset;  // bytes, within the packed filters
};

class ConvStep : public Step {
 public:
  void Run(const RunContext& run) const override;
  std::string Name() const override;
  std::vector<int> Floats() const override { return {output.tensor, residual.tensor, extra.tensor}; }
  size_t ScratchFloats() const override;
  size_t WeightBytes() const override;

  // Packs the filters [channels_out][words under a filter] in tiles.
  void SetFilters(const Kernels& kernels, const uint32_t* filters);

  // The floats alone of up to kStrip pixels, channels_out of each.
  void RunStrip(const RunContext& run, const Strip& strip, float* out) const;

  const Kernels* kernels = nullptr;
  ConvShape shape = {};
  Shape out_shape;
  ConvOptions options;
  const BitImage* input = nullptr;
  int pad_top = 0, pad_left = 0;
  std::vector<Window> windows;
  int depth_words = 0;
  std::vector<float> multiplier, bias;  // padded to whole words
  std::vector<float> doubled;           // empty where products are rounded
  int32_t most = 0;
  int32_t clamp_min = 0, clamp_max = 0;
  float least = -std::numeric_limits<float>::infinity();
  FloatSlice output, residual;
  FloatSlice extra;                    // added last, of a map half as large in both directions
  std::unique_ptr<ConvStep> shortcut;  // computed along, in the place of a residual
  bool pooled = false;                 // the output is the greatest of each two by two
  std::vector<Thresholds> thresholds;
  std::vector<Signing> signings;   // of the output
  std::vector<float> tap_weights;  // for zero padding; empty: the margin's ones stay
  std::vector<float> zero_padding_multiplier;

 private:
  void RunTask(const RunContext& run, const Tile& tile, int64_t first, int pixels, float* scratch) const;
  void Count(const RunContext& run, const Tile& tile, const Strip& strip, void* counts) const;
  Finish FinishOf(const Tile& tile) const;
  void Pool(const RunContext& run, const Tile& tile, const float* floats, int64_t first, int pixels) const;
  AlignedBytes packed_;
  size_t packed_bytes_ = 0;
  std::vector<Tile> tiles_;
};

// A float map computed pixel by pixel, and its bits.
class MapStep : public Step {
 public:
  enum class Kind {
    kSign,
    kCopy,
    kScale,
    kShift,
    kAdd,
    kAddUpsampled,
    kUpsample,
    kMaxPool,
    kAveragePool,
    kCast,
    kClamp,
    kRound,
    kFloor,
    kUnitSign,
    kPrelu,
    kBinary,
    kSelect,
    kPad
  };

  void Run(const RunContext& run) const override;
  std::string Name() const override;
  std::vector<int> Floats() const override { return {output.tensor, a.tensor, b.tensor, condition.tensor}; }

  Kind kind = Kind::kSign;
  Shape shape;  // of the result
  int channels = 0;
  FloatSlice output, a, b;  // kAddUpsampled: b is the small one
  FloatSlice condition;     // kSelect
  Shape input_shape;        // of what is pooled or padded
  PoolOptions pool;
  int pad_top = 0, pad_left = 0;
  int outside = -1;               // kCast: the tensor of bytes
  std::vector<float> constant;    // kScale, kShift, kPrelu; kBinary, kSelect: in the place of a, a value a channel
  std::vector<float> constant_b;  // kBinary, kSelect: in the place of b
  Binary binary = Binary::kMul;
  float low = 0.0f, high = 0.0f;  // kClamp
  float fill = 0.0f;              // kPad
  std::vector<Signing> signings;

 private:
  void RunRow(const RunContext& run, int n, int y) const;
  void Pool(const RunContext& run, int n, int y, int x, float* out) const;
};

// A convolution of floats by floats.
class FloatConvStep : public Step {
 public:
  void Run(const RunContext& run) const override;
  std::string Name() const override;
  std::vector<int> Floats() const override { return {input.tensor, output.tensor}; }
  size_t ScratchFloats() const override;
  size_t WeightBytes() const override;

  // Packs the filters [channels_out][depth] in panels.
  void SetFilters(const float* filters, int channels_out);

  FloatSlice input, output;          // output: none where only bits are wanted
  std::unique_ptr<ConvStep> before;  // in the place of an input: computed along
  Shape in_shape, out_shape;
  int filter_height = 1, filter_width = 1;
  FloatConvOptions options;
  int pad_top = 0, pad_left = 0;
  std::vector<float> bias;  // padded to whole panels
  float low = 0.0f, high = 0.0f;
  bool fused = true;  // as FloatTile's
  std::vector<Signing> signings;

 private:
  int depth() const { return filter_height * filter_width * in_shape.c; }
  bool gathers() const {
    return filter_height * filter_width > 1 || options.stride_height > 1 || options.stride_width > 1;
  }
  void Gather(const RunContext& run, const Place& place, float* row) const;
  AlignedBytes packed_;
};

// A convolution of pixels, whole numbers from 0 to 255, by whole numbers of 8 bits, whose signs alone are wanted:
// straight from the caller's image to bits. Where that holds other numbers after all, `otherwise` does it as the
// network says.
class PixelConvStep : public Step {
 public:
  void Run(const RunContext& run) const override;
  std::string Name() const override;
  std::vector<int> Floats() const override;
  size_t ScratchFloats() const override;
  size_t WeightBytes() const override;

  // Packs the filters [channels_out][filter_height][filter_width][channels], whole numbers from -127 to 127.
  void SetFilters(const Kernels& kernels, const float* filters, int channels_out, int filter_height, int filter_width);

  int outside = -1;                 // the caller's image
  bool bytes = false;               // of uint8; else floats, to be multiplied by 255 and rounded
  const BitImage* image = nullptr;  // of bytes: the pixels, zeros around them
  Shape out_shape;
  int stride_height = 1, stride_width = 1;
  int pad_top = 0, pad_left = 0;
  std::vector<Window> windows;
  std::vector<Thresholds> thresholds;  // on the sums
  std::vector<std::unique_ptr<Step>> otherwise;

 private:
  bool ReadRow(const RunContext& run, int n, int y) const;
  std::vector<uint8_t> packed_;  // tiles of kTile channels one after another
  std::vector<int32_t> start_;   // of the sums, padded to whole words
  size_t tile_bytes_ = 0;
};

// Moves bits between the kernels' images and the caller's bitpacked tensors, or unpacks them to +-1.
class BitTensorStep : public Step {
 public:
  enum class Kind { kImport, kExport, kUnpack };

  void Run(const RunContext& run) const override;
  std::string Name() const override {
    return kind == Kind::kImport ? "import bits" : kind == Kind::kExport ? "export bits" : "dequantize";
  }
  std::vector<int> Floats() const override { return {output.tensor}; }

  Kind kind = Kind::kImport;
  const BitImage* image = nullptr;
  int tensor = -1;
  FloatSlice output;
};

class BitPoolStep : public Step {
 public:
  void Run(const RunContext& run) const override;
  std::string Name() const override { return "bit max pool"; }

  const BitImage* input = nullptr;
  const BitImage* output = nullptr;
  PoolOptions pool;
  int pad_top = 0, pad_left = 0;
};

}  // namespace bnn
