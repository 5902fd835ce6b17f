#include "steps.h"

#include <algorithm>
#include <cstring>

AlignedBytes::AlignedBytes(size_t bytes) {
  const size_t rounded = (bytes + 127) / 64 * 64;
  data_.reset(static_cast<uint8_t*>(std::aligned_alloc(64, rounded)));
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_.get(), 0, rounded);
}

namespace {

void SignPixel(const Kernels& kernels, const std::vector<Signing>& signings, const float* x, int channel, int channels,
               const Place& place) {
  for (const Signing& s : signings) {
    kernels.sign(x, s.scale == nullptr ? nullptr : s.scale + channel, s.scale == nullptr ? nullptr : s.shift + channel,
                 channels, s.image->At(place) + static_cast<size_t>(s.word + channel / kWord) * kernels.word_bytes);
  }
}

// Asks for the lines of a pixel's floats, so that they arrive while the bits are counted. Not on ARM, where its worth
// is not known.
void Prefetch(const FloatSlice& slice, int64_t pixel, int channels) {
#if defined(__x86_64__)
  if (slice.buffer == nullptr) return;
  for (int c = 0; c < channels; c += 16) __builtin_prefetch(slice.At(pixel) + c, 0, 2);
#endif
}

}  // namespace

// ---- convolution

void ConvStep::SetFilters(const Kernels& set, const uint32_t* filters) {
  kernels = &set;
  size_t bytes = 0;
  for (int c = 0; c < shape.channels_out; c += kTile) {
    const int channels = std::min(kTile, shape.channels_out - c);
    tiles_.push_back({c, channels, bytes});
    bytes += (set.packed_bytes(channels, depth_words) + 63) / 64 * 64;
  }
  packed_ = AlignedBytes(bytes);
  for (const Tile& tile : tiles_) {
    set.pack(filters + static_cast<size_t>(tile.channel) * depth_words, tile.channels, depth_words,
             packed_.data() + tile.offset);
  }
}

std::vector<FloatBuffer*> ConvStep::Floats() const { return {output.buffer, residual.buffer}; }

std::string ConvStep::Name() const {
  std::string name = "conv " + std::to_string(shape.filter_height) + "x" + std::to_string(shape.filter_width) + " " +
                     std::to_string(options.channels_in) + "->" + std::to_string(shape.channels_out) + " at " +
                     std::to_string(shape.out_height) + "x" + std::to_string(shape.out_width);
  if (residual.buffer != nullptr) name += " + residual";
  for (size_t i = 0; i < thresholds.size() + signings.size(); ++i) name += " + sign";
  return name;
}

void ConvStep::RunTask(const Tile& tile, int64_t first, int pixels) const {
  alignas(64) uint8_t counts[kStrip * kTile * 4];
  const uint8_t* origins[kStrip];
  Place place(first, out_shape);
  for (int p = 0; p < pixels; ++p, place.Next(out_shape)) {
    origins[p] = input->At(place.n, place.y * options.stride_height - pad_top, place.x * options.stride_width - pad_left);
    Prefetch({output.buffer, output.channel + tile.channel}, first + p, tile.channels);
    Prefetch({residual.buffer, residual.channel + tile.channel}, first + p, tile.channels);
  }
  kernels->accumulate(packed_.data() + tile.offset, tile.channels, windows.data(), static_cast<int>(windows.size()),
                      origins, pixels, counts);

  const ptrdiff_t word_bytes = kernels->word_bytes;
  Finish finish = {multiplier.data() + tile.channel, bias.data() + tile.channel, clamp_min, clamp_max, nullptr, nullptr};
  Targets targets = {};
  if (output.buffer != nullptr) {
    targets.out = output.At(first) + tile.channel;
    targets.out_stride = output.buffer->channels;
  }
  if (residual.buffer != nullptr) {
    targets.residual = residual.At(first) + tile.channel;
    targets.residual_stride = residual.buffer->channels;
  }
  if (thresholds.empty()) kernels->finish(finish, counts, pixels, tile.channels, targets);
  for (const Thresholds& t : thresholds) {
    uint8_t* bits[kStrip];
    place = Place(first, out_shape);
    for (int p = 0; p < pixels; ++p, place.Next(out_shape)) bits[p] = t.image->At(place);
    targets.bits = bits;
    targets.bits_offset = (t.word + tile.channel / kWord) * word_bytes;
    finish.threshold = t.threshold.data() + tile.channel;
    finish.flip = t.flip.data() + tile.channel / kWord;
    kernels->finish(finish, counts, pixels, tile.channels, targets);
    targets.out = nullptr;  // the floats are there now
  }
  if (signings.empty()) return;
  place = Place(first, out_shape);
  for (int p = 0; p < pixels; ++p, place.Next(out_shape)) {
    SignPixel(*kernels, signings, output.At(first + p) + tile.channel, tile.channel, tile.channels, place);
  }
}

void ConvStep::Run(const RunContext& run) {
  const int64_t pixels = out_shape.pixels();
  const int strips = static_cast<int>((pixels + kStrip - 1) / kStrip);
  const int tiles = static_cast<int>(tiles_.size());
  run.pool->Run(strips * tiles, [&](int task, int) {
    const int64_t first = static_cast<int64_t>(task / tiles) * kStrip;
    RunTask(tiles_[task % tiles], first, static_cast<int>(std::min<int64_t>(kStrip, pixels - first)));
  });
  if (zero_padding_filter != nullptr) {
    CorrectZeroPadding(shape, options, zero_padding_filter, zero_padding_multiplier, output.At(0));
  }
}

// ---- float maps

std::vector<FloatBuffer*> MapStep::Floats() const { return {output.buffer, a.buffer, b.buffer}; }

std::string MapStep::Name() const {
  static const char* const kNames[] = {"", "copy", "scale", "shift", "add", "upsample + add", "upsample", "max pool"};
  std::string name = kNames[static_cast<int>(kind)];
  for (size_t i = 0; i < signings.size(); ++i) name += name.empty() ? "sign" : " + sign";
  return name + " " + std::to_string(channels) + " at " + std::to_string(shape.h) + "x" + std::to_string(shape.w);
}

void MapStep::RunRow(const Kernels& kernels, int n, int y) const {
  const int64_t row = (static_cast<int64_t>(n) * shape.h + y) * shape.w;
  Place place(row, shape);
  for (int x = 0; x < shape.w; ++x, place.Next(shape)) {
    const int64_t pixel = row + x;
    const int64_t half = (static_cast<int64_t>(n) * (shape.h / 2) + y / 2) * (shape.w / 2) + x / 2;
    float* out = output.buffer == nullptr ? nullptr : output.At(pixel);
    switch (kind) {
      case Kind::kSign:
        break;
      case Kind::kCopy:
        std::memcpy(out, a.At(pixel), sizeof(float) * channels);
        break;
      case Kind::kScale:
        for (int c = 0; c < channels; ++c) out[c] = a.At(pixel)[c] * constant[c];
        break;
      case Kind::kShift:
        for (int c = 0; c < channels; ++c) out[c] = a.At(pixel)[c] + constant[c];
        break;
      case Kind::kAdd:
        kernels.add(a.At(pixel), b.At(pixel), out, channels);
        break;
      case Kind::kAddUpsampled:
        kernels.add(a.At(pixel), b.At(half), out, channels);
        break;
      case Kind::kUpsample:
        std::memcpy(out, a.At(half), sizeof(float) * channels);
        break;
      case Kind::kMaxPool: {
        const int top = y * pool.stride_height - pad_top, left = x * pool.stride_width - pad_left;
        bool first = true;
        for (int iy = std::max(top, 0); iy < std::min(top + pool.filter_height, input_shape.h); ++iy) {
          for (int ix = std::max(left, 0); ix < std::min(left + pool.filter_width, input_shape.w); ++ix) {
            const float* in = a.At((static_cast<int64_t>(n) * input_shape.h + iy) * input_shape.w + ix);
            if (first) {
              std::memcpy(out, in, sizeof(float) * channels);
            } else {
              kernels.maximum(in, out, channels);
            }
            first = false;
          }
        }
        break;
      }
    }
    SignPixel(kernels, signings, out == nullptr ? a.At(pixel) : out, 0, channels, place);
  }
}

void MapStep::Run(const RunContext& run) {
  run.pool->Run(shape.n * shape.h, [&](int row, int) { RunRow(*run.kernels, row / shape.h, row % shape.h); });
}

// ---- bits

std::vector<FloatBuffer*> BitTensorStep::Floats() const { return {output.buffer}; }

void BitTensorStep::Run(const RunContext& run) {
  const int word_bytes = run.kernels->word_bytes;
  uint32_t* words = kind == Kind::kUnpack ? nullptr : static_cast<uint32_t*>(run.tflite->tensors[tensor].data);
  Place place(0, image->shape);
  for (int64_t pixel = 0; pixel < image->shape.pixels(); ++pixel, place.Next(image->shape)) {
    uint8_t* at = image->At(place);
    for (int w = 0; w < image->words; ++w, at += word_bytes) {
      if (kind == Kind::kImport) {
        StoreWord(at, words[pixel * image->words + w], word_bytes);
        continue;
      }
      const uint32_t word = LoadWord(at, word_bytes);
      if (kind == Kind::kExport) {
        words[pixel * image->words + w] = word;
        continue;
      }
      float* out = output.At(pixel);
      for (int c = w * kWord; c < std::min((w + 1) * kWord, image->shape.c); ++c) {
        out[c] = word >> (c - w * kWord) & 1 ? -1.0f : 1.0f;
      }
    }
  }
}

// A maximum of +-1 is -1 only where all are: the bits' AND, in whatever order a kernel keeps them.
void BitPoolStep::Run(const RunContext& run) {
  const Shape& in = input->shape;
  const Shape& out = output->shape;
  const size_t bytes = static_cast<size_t>(input->words) * run.kernels->word_bytes;
  run.pool->Run(out.n * out.h, [&](int row, int) {
    const int n = row / out.h, y = row % out.h;
    const int top = y * pool.stride_height - pad_top;
    for (int x = 0; x < out.w; ++x) {
      const int left = x * pool.stride_width - pad_left;
      uint8_t* to = output->At(n, y, x);
      std::memset(to, 0xFF, bytes);
      for (int iy = std::max(top, 0); iy < std::min(top + pool.filter_height, in.h); ++iy) {
        for (int ix = std::max(left, 0); ix < std::min(left + pool.filter_width, in.w); ++ix) {
          const uint8_t* from = input->At(n, iy, ix);
          for (size_t i = 0; i < bytes; ++i) to[i] &= from[i];
        }
      }
    }
  });
}
