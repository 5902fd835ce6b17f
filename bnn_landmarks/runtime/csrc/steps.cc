#include "steps.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "text.h"

namespace bnn {

AlignedBytes::AlignedBytes(size_t bytes, uint8_t fill) {
  const size_t rounded = (bytes + 127) / 64 * 64;
  data_.reset(static_cast<uint8_t*>(std::aligned_alloc(64, rounded)));
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_.get(), fill, rounded);
}

namespace {

void SignPixel(const RunContext& run, const std::vector<Signing>& signings, size_t first, const float* x, int channel,
               int channels, const Place& place) {
  for (size_t i = first; i < signings.size(); ++i) {
    const Signing& s = signings[i];
    const bool plain = s.scale.empty();
    run.kernels->sign(x, plain ? nullptr : s.scale.data() + channel, plain ? nullptr : s.shift.data() + channel,
                      channels, s.image->At(run, place) + static_cast<size_t>(s.word + channel / kWord) * kWordBytes);
  }
}

// Asks for the lines of a pixel's floats, so that they arrive while the bits are counted. Not on ARM, where its worth
// is not known.
void Prefetch([[maybe_unused]] const RunContext& run, [[maybe_unused]] const FloatSlice& slice,
              [[maybe_unused]] int64_t pixel, [[maybe_unused]] int channels) {
#if defined(__x86_64__)
  if (!slice.wanted()) return;
  for (int c = 0; c < channels; c += 16) __builtin_prefetch(slice.At(run, pixel) + c, 0, 2);
#endif
}

}  // namespace

Strip::Strip(const Shape& shape, int64_t first, int pixels, bool pooled) : size(pooled ? 4 * pixels : pixels) {
  if (!pooled) {
    Place place(first, shape);
    for (int p = 0, begin = 0; p < pixels; ++p, place.Next(shape)) {
      if (place.x == 0) begin = p;
      places[p] = place;
      ends[begin] = p + 1;
    }
    return;
  }
  const Shape half = {shape.n, shape.h / 2, shape.w / 2, shape.c};
  Place place(first, half);
  for (int p = 0; p < pixels; ++p, place.Next(half)) {
    for (int corner = 0; corner < 4; ++corner) {
      Place& at = places[2 * p + corner % 2 + corner / 2 * 2 * pixels];
      at = place;
      at.y = 2 * place.y + corner / 2;
      at.x = 2 * place.x + corner % 2;
      ends[2 * p + corner / 2 * 2 * pixels] = 2 * p + corner / 2 * 2 * pixels + 2;
    }
  }
}

void Strip::Find(const RunContext& run, const BitImage& image, int step_y, int step_x, int top, int left,
                 uint8_t** found) const {
  const size_t step = step_x * image.pixel_bytes;
  for (int p = 0; p < size;) {
    const Place& place = places[p];
    uint8_t* at = image.At(run, place.n, place.y * step_y - top, place.x * step_x - left);
    for (const int end = ends[p]; p < end; ++p, at += step) found[p] = at;
  }
}

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
  packed_bytes_ = bytes;
  for (const Tile& tile : tiles_) {
    set.pack(filters + static_cast<size_t>(tile.channel) * depth_words, tile.channels, windows.data(),
             static_cast<int>(windows.size()), packed_.data() + tile.offset);
  }
}

std::string ConvStep::Name() const {
  std::string name = Text({"conv ", shape.filter_height, "x", shape.filter_width, " ", options.channels_in, "->",
                           shape.channels_out, " at ", shape.out_height, "x", shape.out_width});
  if (residual.wanted()) name += " + residual";
  if (shortcut != nullptr) name = Text({name, " + ", shortcut->Name()});
  if (extra.wanted()) name += " + upsampled";
  if (pooled) name += " + max pool";
  for (size_t i = 0; i < thresholds.size() + signings.size(); ++i) name += " + sign";
  return name;
}

size_t ConvStep::WeightBytes() const { return packed_bytes_ + (shortcut != nullptr ? shortcut->packed_bytes_ : 0); }

// A tile's floats of a shortcut, and those that are to be pooled.
size_t ConvStep::ScratchFloats() const { return shortcut != nullptr || pooled ? kStrip * kTile : 0; }

void ConvStep::Count(const RunContext& run, const Tile& tile, const Strip& strip, void* counts) const {
  uint8_t* origins[kStrip];
  strip.Find(run, *input, options.stride_height, options.stride_width, pad_top, pad_left, origins);
  kernels->accumulate(packed_.data() + tile.offset, tile.channels, windows.data(), static_cast<int>(windows.size()),
                      origins, strip.size, counts);
}

Finish ConvStep::FinishOf(const Tile& tile) const {
  return {multiplier.data() + tile.channel,
          bias.data() + tile.channel,
          clamp_min,
          clamp_max,
          least,
          doubled.empty() ? nullptr : doubled.data() + tile.channel,
          most,
          nullptr,
          nullptr,
          nullptr,
          nullptr};
}

void ConvStep::RunStrip(const RunContext& run, const Strip& strip, float* out) const {
  alignas(64) uint8_t counts[kStrip * kTile * 4];
  for (const Tile& tile : tiles_) {
    Count(run, tile, strip, counts);
    Targets targets = {};
    targets.out = out + tile.channel;
    targets.out_stride = shape.channels_out;
    kernels->finish(FinishOf(tile), counts, strip.size, tile.channels, targets);
  }
}

void ConvStep::Pool(const RunContext& run, const Tile& tile, const float* floats, int64_t first, int pixels) const {
  for (int p = 0; p < pixels; ++p) {
    const float* upper = floats + 2 * p * kTile;
    const float* lower = upper + 2 * pixels * kTile;
    const float* const inputs[] = {upper, upper + kTile, lower, lower + kTile};
    kernels->maximum(inputs, 4, output.At(run, first + p) + tile.channel, tile.channels);
  }
}

// `first` and `pixels` count those of the output.
void ConvStep::RunTask(const RunContext& run, const Tile& tile, int64_t first, int pixels, float* scratch) const {
  alignas(64) uint8_t counts[kStrip * kTile * 4];
  const Strip strip(out_shape, first, pixels, pooled);
  for (int p = 0; p < pixels; ++p) {
    Prefetch(run, {output.tensor, output.channel + tile.channel, output.stride}, first + p, tile.channels);
  }
  Finish finish = FinishOf(tile);
  Targets targets = {};
  if (pooled) {
    targets.out = scratch;
    targets.out_stride = kTile;
  } else if (output.wanted()) {
    targets.out = output.At(run, first) + tile.channel;
    targets.out_stride = output.stride;
  }
  if (shortcut != nullptr) {
    shortcut->Count(run, shortcut->tiles_[&tile - tiles_.data()], strip, counts);
    Targets aside = {};
    aside.out = scratch;
    aside.out_stride = kTile;
    kernels->finish(shortcut->FinishOf(tile), counts, strip.size, tile.channels, aside);
    targets.residual = scratch;
    targets.residual_stride = kTile;
  } else if (residual.wanted()) {
    for (int p = 0; p < pixels; ++p) {
      Prefetch(run, {residual.tensor, residual.channel + tile.channel, residual.stride}, first + p, tile.channels);
    }
    targets.residual = residual.At(run, first) + tile.channel;
    targets.residual_stride = residual.stride;
  }
  Count(run, tile, strip, counts);

  const float* halves[kStrip];
  if (extra.wanted()) {
    for (int p = 0; p < pixels; ++p) {
      const Place& place = strip.places[p];
      const int64_t row = static_cast<int64_t>(place.n) * (out_shape.h / 2) + place.y / 2;
      halves[p] = extra.At(run, row * (out_shape.w / 2) + place.x / 2) + tile.channel;
    }
    targets.extra = halves;
  }
  uint8_t *sum_bits[kStrip], *bits[kStrip];
  // The first signing is taken along, where the floats are those to be signed.
  const bool along = !pooled && !signings.empty();
  if (along) {
    const Signing& s = signings[0];
    strip.Find(run, *s.image, 1, 1, 0, 0, sum_bits);
    targets.sum_bits = sum_bits;
    targets.sum_bits_offset = (s.word + tile.channel / kWord) * kWordBytes;
    finish.scale = s.scale.data() + tile.channel;
    finish.shift = s.shift.data() + tile.channel;
  }
  if (thresholds.empty()) kernels->finish(finish, counts, strip.size, tile.channels, targets);
  for (const Thresholds& t : thresholds) {
    strip.Find(run, *t.image, 1, 1, 0, 0, bits);
    targets.bits = bits;
    targets.bits_offset = (t.word + tile.channel / kWord) * kWordBytes;
    finish.threshold = t.threshold.data() + tile.channel;
    finish.flip = t.flip.data() + tile.channel / kWord;
    kernels->finish(finish, counts, strip.size, tile.channels, targets);
    targets.out = nullptr;  // the floats are there now
  }
  if (pooled) Pool(run, tile, scratch, first, pixels);
  const size_t next = along ? 1 : 0;
  if (signings.size() == next) return;
  const Shape map = pooled ? Shape{out_shape.n, out_shape.h / 2, out_shape.w / 2, out_shape.c} : out_shape;
  Place place(first, map);
  for (int p = 0; p < pixels; ++p, place.Next(map)) {
    SignPixel(run, signings, next, output.At(run, first + p) + tile.channel, tile.channel, tile.channels, place);
  }
}

void ConvStep::Run(const RunContext& run) const {
  const int64_t pixels = pooled ? out_shape.pixels() / 4 : out_shape.pixels();
  const int length = pooled ? kStrip / 4 : kStrip;
  const int strips = static_cast<int>((pixels + length - 1) / length);
  const int tiles = static_cast<int>(tiles_.size());
  run.pool->Run(strips * tiles, [&](int task, int thread) {
    const int64_t first = static_cast<int64_t>(task / tiles) * length;
    RunTask(run, tiles_[task % tiles], first, static_cast<int>(std::min<int64_t>(length, pixels - first)),
            run.scratch + thread * run.scratch_floats);
  });
  if (!tap_weights.empty()) CorrectZeroPadding(shape, options, tap_weights, zero_padding_multiplier, output.At(run, 0));
}

// ---- float maps

std::string MapStep::Name() const {
  static const char* const kNames[] = {"",         "copy",     "scale",        "shift",      "add",    "upsample + add",
                                       "upsample", "max pool", "average pool", "cast",       "clamp",  "round",
                                       "floor",    "+-1",      "prelu",        "arithmetic", "select", "pad"};
  std::string name = kNames[static_cast<int>(kind)];
  for (size_t i = 0; i < signings.size(); ++i) name += name.empty() ? "sign" : " + sign";
  return Text({name, " ", channels, " at ", shape.h, "x", shape.w});
}

void MapStep::Pool(const RunContext& run, int n, int y, int x, float* out) const {
  const int top = y * pool.stride_height - pad_top, left = x * pool.stride_width - pad_left;
  constexpr int kAtOnce = 9;
  const float* inputs[kAtOnce + 1];
  int seen = 0, held = 0;
  const auto take = [&] {
    if (kind == Kind::kMaxPool) {
      run.kernels->maximum(inputs, held, out, channels);
    } else {
      if (seen == held) std::memcpy(out, inputs[0], sizeof(float) * channels);
      for (int i = 1; i < held; ++i) run.kernels->add(out, inputs[i], out, channels);
    }
    inputs[0] = out;
    held = 1;
  };
  for (int iy = std::max(top, 0); iy < std::min(top + pool.filter_height, input_shape.h); ++iy) {
    for (int ix = std::max(left, 0); ix < std::min(left + pool.filter_width, input_shape.w); ++ix, ++seen) {
      if (held > kAtOnce) take();
      inputs[held++] = a.At(run, (static_cast<int64_t>(n) * input_shape.h + iy) * input_shape.w + ix);
    }
  }
  take();
  if (kind == Kind::kMaxPool) return;
  for (int c = 0; c < channels; ++c) out[c] /= static_cast<float>(seen);
}

namespace {

// Halves to even; larger numbers have nothing behind the point.
inline float Round(float x) {
  const float rounded = (x + kRounding) - kRounding;
  return std::fabs(x) < 4194304.0f ? std::copysign(rounded, x) : x;
}

template <typename Operation>
void ForEach(const float* a, const float* b, float* out, int count, Operation operation) {
  for (int c = 0; c < count; ++c) out[c] = operation(a[c], b[c]);
}

void Compute(Binary binary, const float* a, const float* b, float* out, int count) {
  switch (binary) {
    case Binary::kAdd:
      return ForEach(a, b, out, count, [](float x, float y) { return x + y; });
    case Binary::kMul:
      return ForEach(a, b, out, count, [](float x, float y) { return x * y; });
    case Binary::kSub:
      return ForEach(a, b, out, count, [](float x, float y) { return x - y; });
    case Binary::kDiv:
      return ForEach(a, b, out, count, [](float x, float y) { return x / y; });
    case Binary::kMaximum:
      return ForEach(a, b, out, count, [](float x, float y) { return x > y ? x : y; });
    case Binary::kMinimum:
      return ForEach(a, b, out, count, [](float x, float y) { return x < y ? x : y; });
    case Binary::kGreater:
      return ForEach(a, b, out, count, [](float x, float y) { return x > y ? 1.0f : 0.0f; });
    case Binary::kGreaterEqual:
      return ForEach(a, b, out, count, [](float x, float y) { return x >= y ? 1.0f : 0.0f; });
    case Binary::kLess:
      return ForEach(a, b, out, count, [](float x, float y) { return x < y ? 1.0f : 0.0f; });
    case Binary::kLessEqual:
      return ForEach(a, b, out, count, [](float x, float y) { return x <= y ? 1.0f : 0.0f; });
  }
}

}  // namespace

void MapStep::RunRow(const RunContext& run, int n, int y) const {
  const int64_t row = (static_cast<int64_t>(n) * shape.h + y) * shape.w;
  Place place(row, shape);
  for (int x = 0; x < shape.w; ++x, place.Next(shape)) {
    const int64_t pixel = row + x;
    const int64_t half = (static_cast<int64_t>(n) * (shape.h / 2) + y / 2) * (shape.w / 2) + x / 2;
    float* out = output.wanted() ? output.At(run, pixel) : nullptr;
    switch (kind) {
      case Kind::kSign:
        break;
      case Kind::kCopy:
        std::memcpy(out, a.At(run, pixel), sizeof(float) * channels);
        break;
      case Kind::kScale:
        ForEach(a.At(run, pixel), constant.data(), out, channels, [](float u, float v) { return u * v; });
        break;
      case Kind::kShift:
        ForEach(a.At(run, pixel), constant.data(), out, channels, [](float u, float v) { return u + v; });
        break;
      case Kind::kAdd:
        run.kernels->add(a.At(run, pixel), b.At(run, pixel), out, channels);
        break;
      case Kind::kAddUpsampled:
        run.kernels->add(a.At(run, pixel), b.At(run, half), out, channels);
        break;
      case Kind::kUpsample:
        std::memcpy(out, a.At(run, half), sizeof(float) * channels);
        break;
      case Kind::kMaxPool:
      case Kind::kAveragePool:
        Pool(run, n, y, x, out);
        break;
      case Kind::kCast: {
        const uint8_t* bytes = static_cast<const uint8_t*>(run.outside[outside]) + pixel * channels;
        for (int c = 0; c < channels; ++c) out[c] = bytes[c];
        break;
      }
      case Kind::kClamp:
        run.kernels->clamp(a.At(run, pixel), low, high, out, channels);
        break;
      case Kind::kRound: {
        const float* in = a.At(run, pixel);
        for (int c = 0; c < channels; ++c) out[c] = Round(in[c]);
        break;
      }
      case Kind::kFloor: {
        const float* in = a.At(run, pixel);
        for (int c = 0; c < channels; ++c) out[c] = std::floor(in[c]);
        break;
      }
      case Kind::kUnitSign: {
        const float* in = a.At(run, pixel);
        for (int c = 0; c < channels; ++c) out[c] = in[c] > 0.0f ? 1.0f : in[c] < 0.0f ? -1.0f : in[c];
        break;
      }
      case Kind::kPrelu:
        ForEach(a.At(run, pixel), constant.data(), out, channels,
                [](float u, float v) { return u >= 0.0f ? u : u * v; });
        break;
      case Kind::kBinary:
        Compute(binary, a.wanted() ? a.At(run, pixel) : constant.data(),
                b.wanted() ? b.At(run, pixel) : constant_b.data(), out, channels);
        break;
      case Kind::kSelect: {
        const float* when = condition.At(run, pixel);
        const float* yes = a.wanted() ? a.At(run, pixel) : constant.data();
        const float* no = b.wanted() ? b.At(run, pixel) : constant_b.data();
        for (int c = 0; c < channels; ++c) out[c] = when[c] != 0.0f ? yes[c] : no[c];
        break;
      }
      case Kind::kPad: {
        const int iy = y - pad_top, ix = x - pad_left;
        if (iy >= 0 && iy < input_shape.h && ix >= 0 && ix < input_shape.w) {
          const float* in = a.At(run, (static_cast<int64_t>(n) * input_shape.h + iy) * input_shape.w + ix);
          std::memcpy(out, in, sizeof(float) * channels);
        } else {
          std::fill(out, out + channels, fill);
        }
        break;
      }
    }
    SignPixel(run, signings, 0, out == nullptr ? a.At(run, pixel) : out, 0, channels, place);
  }
}

void MapStep::Run(const RunContext& run) const {
  run.pool->Run(shape.n * shape.h, [&](int row, int) { RunRow(run, row / shape.h, row % shape.h); });
}

// ---- float convolution

void FloatConvStep::SetFilters(const float* filters, int channels_out) {
  const int panels = (channels_out + kPanel - 1) / kPanel;
  const int length = depth();
  packed_ = AlignedBytes(static_cast<size_t>(panels) * kPanel * length * sizeof(float));
  float* packed = reinterpret_cast<float*>(packed_.data());
  for (int c = 0; c < channels_out; ++c) {
    float* panel = packed + static_cast<size_t>(c / kPanel) * kPanel * length + c % kPanel;
    for (int k = 0; k < length; ++k)
      panel[static_cast<size_t>(k) * kPanel] = filters[static_cast<size_t>(c) * length + k];
  }
}

std::string FloatConvStep::Name() const {
  std::string name = Text({"float conv ", filter_height, "x", filter_width, " ", in_shape.c, "->", out_shape.c, " at ",
                           out_shape.h, "x", out_shape.w});
  for (size_t i = 0; i < signings.size(); ++i) name += " + sign";
  return before != nullptr ? Text({before->Name(), " + ", name}) : name;
}

size_t FloatConvStep::ScratchFloats() const {
  return static_cast<size_t>(kStrip) *
         ((gathers() || before != nullptr ? depth() : 0) + (output.wanted() ? 0 : out_shape.c));
}

size_t FloatConvStep::WeightBytes() const {
  return bias.size() * depth() * sizeof(float) + (before != nullptr ? before->WeightBytes() : 0);
}

// The inputs under a pixel's filter, zeros outside the image.
void FloatConvStep::Gather(const RunContext& run, const Place& place, float* row) const {
  const int top = place.y * options.stride_height - pad_top, left = place.x * options.stride_width - pad_left;
  const int channels = in_shape.c;
  for (int fy = 0; fy < filter_height; ++fy) {
    const int y = top + fy * options.dilation_height;
    if (y < 0 || y >= in_shape.h) {
      row = std::fill_n(row, filter_width * channels, 0.0f);
      continue;
    }
    const int64_t line = (static_cast<int64_t>(place.n) * in_shape.h + y) * in_shape.w;
    if (options.dilation_width == 1 && left >= 0 && left + filter_width <= in_shape.w && input.stride == channels) {
      std::memcpy(row, input.At(run, line + left), sizeof(float) * filter_width * channels);
      row += filter_width * channels;
      continue;
    }
    for (int fx = 0; fx < filter_width; ++fx, row += channels) {
      const int x = left + fx * options.dilation_width;
      if (x < 0 || x >= in_shape.w) {
        std::fill_n(row, channels, 0.0f);
      } else {
        std::memcpy(row, input.At(run, line + x), sizeof(float) * channels);
      }
    }
  }
}

void FloatConvStep::Run(const RunContext& run) const {
  const int64_t pixels = out_shape.pixels();
  const int strips = static_cast<int>((pixels + kStrip - 1) / kStrip);
  const int length = depth();
  run.pool->Run(strips, [&](int strip, int thread) {
    const int64_t first = static_cast<int64_t>(strip) * kStrip;
    float* scratch = run.scratch + thread * run.scratch_floats;
    FloatTile tile = {};
    tile.packed = reinterpret_cast<const float*>(packed_.data());
    tile.bias = bias.data();
    tile.channels = out_shape.c;
    tile.depth = length;
    tile.pixels = static_cast<int>(std::min<int64_t>(kStrip, pixels - first));
    tile.low = low;
    tile.high = high;
    tile.fused = fused;
    if (before != nullptr) {
      before->RunStrip(run, Strip(out_shape, first, tile.pixels, false), scratch);
      tile.rows = scratch;
      tile.row_stride = length;
      scratch += static_cast<size_t>(kStrip) * length;
    } else if (gathers()) {
      Place place(first, out_shape);
      for (int p = 0; p < tile.pixels; ++p, place.Next(out_shape))
        Gather(run, place, scratch + static_cast<size_t>(p) * length);
      tile.rows = scratch;
      tile.row_stride = length;
      scratch += static_cast<size_t>(kStrip) * length;
    } else {
      tile.rows = input.At(run, first);
      tile.row_stride = input.stride;
    }
    tile.out = output.wanted() ? output.At(run, first) : scratch;
    tile.out_stride = output.wanted() ? output.stride : out_shape.c;
    run.kernels->multiply(tile);
    if (signings.empty()) return;
    Place place(first, out_shape);
    for (int p = 0; p < tile.pixels; ++p, place.Next(out_shape)) {
      SignPixel(run, signings, 0, tile.out + p * tile.out_stride, 0, out_shape.c, place);
    }
  });
}

// ---- pixels

void PixelConvStep::SetFilters(const Kernels& kernels, const float* filters, int channels_out, int filter_height,
                               int filter_width) {
  const int row = filter_width * image->shape.c, size = kernels.pixel_bytes;
  const int stride = kernels.dot_order == DotOrder::kDense ? row : (row + 3) / 4 * 4;
  tile_bytes_ = static_cast<size_t>(filter_height * stride + 3) / 4 * 4 * kTile * size;
  const int tiles = (channels_out + kTile - 1) / kTile;
  packed_.assign(tile_bytes_ * tiles, 0);
  start_.assign(WordsFor(channels_out) * kWord, 0);
  for (int c = 0; c < channels_out; ++c) {
    uint8_t* tile = packed_.data() + tile_bytes_ * (c / kTile);
    const int width = std::min(kTile, WordsFor(channels_out) * kWord - c / kTile * kTile), channel = c % kTile;
    for (int y = 0; y < filter_height; ++y) {
      for (int k = 0; k < row; ++k) {
        const int input = y * stride + k, i = input % 4;
        const size_t word = static_cast<size_t>(input / 4) * width * 4;
        const bool pairs = kernels.dot_order == DotOrder::kPairs;
        const size_t at = pairs ? i / 2 * width * 2 + channel * 2 + i % 2 : channel * 4 + i;
        const int16_t value = static_cast<int16_t>(filters[(static_cast<size_t>(c) * filter_height + y) * row + k]);
        std::memcpy(tile + (word + at) * size, &value, size);  // of the lower bytes
        start_[c] += value * kernels.pixel_flip;
      }
    }
  }
}

std::string PixelConvStep::Name() const { return otherwise.back()->Name() + " of bytes"; }

std::vector<int> PixelConvStep::Floats() const {
  std::vector<int> all;
  for (const auto& step : otherwise) {
    for (int tensor : step->Floats()) all.push_back(tensor);
  }
  return all;
}

size_t PixelConvStep::ScratchFloats() const {
  size_t most = 0;
  for (const auto& step : otherwise) most = std::max(most, step->ScratchFloats());
  return most;
}

size_t PixelConvStep::WeightBytes() const {
  return packed_.size() + start_.size() * sizeof(int32_t) + otherwise.back()->WeightBytes();
}

bool PixelConvStep::ReadRow(const RunContext& run, int n, int y) const {
  const Shape& in = image->shape;
  const int count = in.w * in.c, size = run.kernels->pixel_bytes;
  const size_t first = (static_cast<size_t>(n) * in.h + y) * count;
  uint8_t* row = image->At(run, n, y, 0);
  bool fits = true;
  if (bytes) {
    std::memcpy(row, static_cast<const uint8_t*>(run.outside[outside]) + first, count);
  } else {
    fits = run.kernels->to_pixels(static_cast<const float*>(run.outside[outside]) + first, count, row);
  }
  if (run.kernels->pixel_flip != 0) {
    for (int i = 0; i < count; ++i) row[i] ^= run.kernels->pixel_flip;
  }
  for (int i = count - 1; size == 2 && i >= 0; --i) {
    const uint16_t wide = row[i];
    std::memcpy(row + 2 * i, &wide, 2);
  }
  return fits;
}

void PixelConvStep::Run(const RunContext& run) const {
  std::atomic<bool> fits{true};
  run.pool->Run(image->shape.n * image->shape.h, [&](int row, int) {
    if (!ReadRow(run, row / image->shape.h, row % image->shape.h)) fits.store(false, std::memory_order_relaxed);
  });
  if (!fits.load()) {
    for (const auto& step : otherwise) step->Run(run);
    return;
  }
  const int64_t pixels = out_shape.pixels();
  const int strips = static_cast<int>((pixels + kStrip - 1) / kStrip);
  const int tiles = (out_shape.c + kTile - 1) / kTile;
  run.pool->Run(strips * tiles, [&](int task, int) {
    const int64_t first = static_cast<int64_t>(task / tiles) * kStrip;
    const int count = static_cast<int>(std::min<int64_t>(kStrip, pixels - first));
    const int channel = task % tiles * kTile, channels = std::min(kTile, out_shape.c - channel);
    alignas(64) int32_t sums[kStrip * kTile];
    uint8_t *origins[kStrip], *bits[kStrip];
    const Strip strip(out_shape, first, count, false);
    strip.Find(run, *image, stride_height, stride_width, pad_top, pad_left, origins);
    run.kernels->dot(packed_.data() + tile_bytes_ * (task % tiles), start_.data() + channel, WordsFor(channels) * kWord,
                     windows.data(), static_cast<int>(windows.size()), origins, count, sums);
    for (const Thresholds& t : thresholds) {
      strip.Find(run, *t.image, 1, 1, 0, 0, bits);
      Targets targets = {};
      targets.bits = bits;
      targets.bits_offset = static_cast<ptrdiff_t>(t.word + channel / kWord) * kWordBytes;
      Finish finish = {};
      finish.threshold = t.threshold.data() + channel;
      finish.flip = t.flip.data() + channel / kWord;
      run.kernels->finish_sums(finish, sums, count, channels, targets);
    }
  });
}

// ---- bits

void BitTensorStep::Run(const RunContext& run) const {
  uint32_t* words = kind == Kind::kUnpack ? nullptr : static_cast<uint32_t*>(run.outside[tensor]);
  Place place(0, image->shape);
  for (int64_t pixel = 0; pixel < image->shape.pixels(); ++pixel, place.Next(image->shape)) {
    uint8_t* at = image->At(run, place);
    for (int w = 0; w < image->words; ++w, at += kWordBytes) {
      if (kind == Kind::kImport) {
        StoreWord(at, words[pixel * image->words + w]);
        continue;
      }
      const uint32_t word = LoadWord(at);
      if (kind == Kind::kExport) {
        words[pixel * image->words + w] = word;
        continue;
      }
      float* out = output.At(run, pixel);
      for (int c = w * kWord; c < std::min((w + 1) * kWord, output.stride); ++c) {
        out[c] = word >> (c - w * kWord) & 1 ? -1.0f : 1.0f;
      }
    }
  }
}

// A maximum of +-1 is -1 only where all are: the bits' AND.
void BitPoolStep::Run(const RunContext& run) const {
  const Shape& in = input->shape;
  const Shape& out = output->shape;
  const size_t bytes = static_cast<size_t>(input->words) * kWordBytes;
  run.pool->Run(out.n * out.h, [&](int row, int) {
    const int n = row / out.h, y = row % out.h;
    const int top = y * pool.stride_height - pad_top;
    for (int x = 0; x < out.w; ++x) {
      const int left = x * pool.stride_width - pad_left;
      uint8_t* to = output->At(run, n, y, x);
      std::memset(to, 0xFF, bytes);
      for (int iy = std::max(top, 0); iy < std::min(top + pool.filter_height, in.h); ++iy) {
        for (int ix = std::max(left, 0); ix < std::min(left + pool.filter_width, in.w); ++ix) {
          const uint8_t* from = input->At(run, n, iy, ix);
          for (size_t i = 0; i < bytes; ++i) to[i] &= from[i];
        }
      }
    }
  });
}

}  // namespace bnn
