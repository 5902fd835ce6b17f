#include "zero_padding.h"

#include <algorithm>
#include <vector>

#include "kernels.h"

namespace bnn {

namespace {

int CountBits(uint32_t v) {
  int count = 0;
  for (; v != 0; v &= v - 1) ++count;
  return count;
}

struct Overhang {
  int top, bottom, left, right;  // taps' pixels outside the image on each side; 0 where LCE looks no further
};

// Which overhangs LCE corrects for. It looks at one vertical and one horizontal side only, and at none where the
// filter is as large as the image: those outputs stay as they are. Kept so that both give the same numbers.
bool LceOverhang(int top, int bottom, int left, int right, Overhang* o) {
  if (right <= 0 && top > 0 && bottom < 0) {
    *o = {top, 0, std::max(left, 0), 0};
  } else if (left < 0 && right > 0 && bottom <= 0) {
    *o = {std::max(top, 0), 0, 0, right};
  } else if (left > 0 && right < 0 && top <= 0) {
    *o = {0, std::max(bottom, 0), left, 0};
  } else if (left <= 0 && top < 0 && bottom > 0) {
    *o = {0, bottom, 0, std::max(right, 0)};
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::vector<float> TapWeights(const ConvShape& s, const ConvOptions& options, const uint32_t* filter) {
  const int taps = s.filter_height * s.filter_width;
  std::vector<float> weights(static_cast<size_t>(taps) * s.channels_out);
  for (int c = 0; c < s.channels_out; ++c) {
    for (int t = 0; t < taps; ++t) {
      int negative = 0;
      for (int w = 0; w < s.words; ++w)
        negative += CountBits(filter[(static_cast<size_t>(c) * taps + t) * s.words + w]);
      weights[static_cast<size_t>(t) * s.channels_out + c] = static_cast<float>(options.channels_in - 2 * negative);
    }
  }
  return weights;
}

void CorrectZeroPadding(const ConvShape& s, const ConvOptions& options, const std::vector<float>& weights,
                        const std::vector<float>& multiplier, float* output) {
  const int reach_y = (s.filter_height - 1) * options.dilation_height + 1;
  const int reach_x = (s.filter_width - 1) * options.dilation_width + 1;
  const int offset_y = ((s.out_height - 1) * options.stride_height + reach_y - s.in_height) / 2;
  const int offset_x = ((s.out_width - 1) * options.stride_width + reach_x - s.in_width) / 2;
  std::vector<float> sums(s.channels_out);
  for (int y = 0; y < s.out_height; ++y) {
    const int top = offset_y - y * options.stride_height;
    const int bottom = reach_y - s.in_height - top;
    for (int x = 0; x < s.out_width; ++x) {
      const int left = offset_x - x * options.stride_width;
      const int right = reach_x - s.in_width - left;
      Overhang o;
      if (left <= 0 && right <= 0 && top <= 0 && bottom <= 0) continue;
      if (!LceOverhang(top, bottom, left, right, &o)) continue;
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (int fy = 0; fy < s.filter_height; ++fy) {
        for (int fx = 0; fx < s.filter_width; ++fx) {
          const int py = fy * options.dilation_height, px = fx * options.dilation_width;
          if (py >= o.top && px >= o.left && reach_y - py > o.bottom && reach_x - px > o.right) continue;
          const float* tap = &weights[(static_cast<size_t>(fy) * s.filter_width + fx) * s.channels_out];
          for (int c = 0; c < s.channels_out; ++c) sums[c] += tap[c];
        }
      }
      for (int c = 0; c < s.channels_out; ++c) {
        const float correction = -1.0f * multiplier[c] * sums[c];
        for (int n = 0; n < s.batch; ++n) {
          output[((static_cast<size_t>(n) * s.out_height + y) * s.out_width + x) * s.channels_out + c] += correction;
        }
      }
    }
  }
}

}  // namespace bnn
