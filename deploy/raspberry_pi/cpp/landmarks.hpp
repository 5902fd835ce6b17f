// From an image and a box to the square a network reads, and from its maps to landmarks in the image. Standard library
// only: copy this file into your program. It computes what bnn_landmarks/geometry/crops.py and heatmaps.py compute, and
// tests/deploy holds it against their golden vectors.
//
//   const auto square = landmarks::SquareAround({x, y, width, height}, spec.box_side, spec.padding);
//   const auto pixels = landmarks::Crop(image, square, 256);                    // uint8 [256, 256, 3]
//   ... run the network on pixels, or on landmarks::ToInput(pixels) ...
//   for (auto& found : landmarks::Decode(maps, 64, 64, 16, 4)) { auto [px, py] = landmarks::Restore(found.x, ...); }
//
// Coordinates are 0-based pixel centres, x right and y down.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace landmarks {

struct Box {
  double x, y, width, height;
};

struct Square {
  double center_x, center_y, side;
};

// RGB, rows from the top: width * height * 3 bytes.
struct Image {
  int width, height;
  std::vector<uint8_t> pixels;
};

struct Landmark {
  float x, y, peak;  // crop pixels; the map's value there
};

// box_side: "max" or "mean", as in the model's .json.
inline Square SquareAround(const Box& box, const std::string& box_side, double padding) {
  const double side = box_side == "max" ? std::max(box.width, box.height) : (box.width + box.height) / 2;
  return {box.x + box.width / 2, box.y + box.height / 2, padding * side};
}

// crop = scale * image + shift, in x and in y.
struct Affine {
  double scale, shift_x, shift_y;
};

inline Affine AffineOf(const Square& square, int size) {
  const double scale = size / square.side;
  return {scale, (size - 1) / 2.0 - scale * square.center_x, (size - 1) / 2.0 - scale * square.center_y};
}

// A crop pixel as an image pixel: x, y.
inline std::array<double, 2> Restore(double x, double y, const Affine& affine) {
  return {(x - affine.shift_x) / affine.scale, (y - affine.shift_y) / affine.scale};
}

namespace detail {

// The cells of factor x factor pixels that the crop covers, averaged, and the affine that fits them. At the right and
// bottom border the last pixel is repeated to fill a cell.
inline Image Average(const Image& image, int size, int factor, Affine* affine) {
  const auto low = Restore(-1, -1, *affine), high = Restore(size, size, *affine);
  const auto first = [&](double pixel, int length) {
    return std::clamp(static_cast<int>(std::floor(pixel)) - factor, 0, length - 1) / factor;
  };
  const auto last = [&](double pixel, int length) {
    return std::clamp(static_cast<int>(std::ceil(pixel)) + factor, 0, length - 1) / factor;
  };
  const int left = first(low[0], image.width), top = first(low[1], image.height);
  Image cells{last(high[0], image.width) - left + 1, last(high[1], image.height) - top + 1, {}};
  cells.pixels.reserve(size_t{3} * cells.width * cells.height);
  const int area = factor * factor;
  for (int row = top; row < top + cells.height; ++row) {
    for (int column = left; column < left + cells.width; ++column) {
      int sum[3] = {area / 2, area / 2, area / 2};
      for (int i = 0; i < area; ++i) {
        const int y = std::min(row * factor + i / factor, image.height - 1);
        const int x = std::min(column * factor + i % factor, image.width - 1);
        for (int c = 0; c < 3; ++c) sum[c] += image.pixels[(size_t{3} * image.width * y) + 3 * x + c];
      }
      for (int value : sum) cells.pixels.push_back(static_cast<uint8_t>(value / area));
    }
  }
  const double middle = (factor - 1) / 2.0;
  *affine = {affine->scale * factor, affine->scale * (left * factor + middle) + affine->shift_x,
             affine->scale * (top * factor + middle) + affine->shift_y};
  return cells;
}

// Where in the image a crop pixel lies, in 1/32 pixels. These are OpenCV's roundings, once in y and twice in x.
inline int Fixed(double pixels) { return static_cast<int>(std::nearbyint(pixels * 1024)); }
inline double Inverse(double scale) { return scale * (1 / (scale * scale)); }
inline int SourceX(int u, const Affine& affine) {
  const double inverse = Inverse(affine.scale);
  return (Fixed(-inverse * affine.shift_x) + 16 + Fixed(inverse * u)) >> 5;
}
inline int SourceY(int v, const Affine& affine) {
  const double inverse = Inverse(affine.scale);
  return (Fixed(inverse * v - inverse * affine.shift_y) + 16) >> 5;
}

}  // namespace detail

// The square as size x size RGB pixels: bilinear, black outside the image; averaged down by a whole factor first where
// the image shrinks by more than two.
inline std::vector<uint8_t> Crop(const Image& given, const Square& square, int size) {
  Affine affine = AffineOf(square, size);
  const int factor = static_cast<int>(0.5 / affine.scale);
  const Image image = factor > 1 ? detail::Average(given, size, factor, &affine) : given;
  const auto at = [&](int x, int y, int c) {
    const bool inside = x >= 0 && y >= 0 && x < image.width && y < image.height;
    return inside ? image.pixels[(size_t{3} * image.width * y) + 3 * x + c] : 0;
  };
  std::vector<uint8_t> patch(size_t{3} * size * size);
  auto out = patch.begin();
  for (int v = 0; v < size; ++v) {
    const int source_y = detail::SourceY(v, affine), y = source_y >> 5, part_y = source_y & 31;
    for (int u = 0; u < size; ++u) {
      const int source_x = detail::SourceX(u, affine), x = source_x >> 5, part_x = source_x & 31;
      for (int c = 0; c < 3; ++c) {
        const int upper = at(x, y, c) * (32 - part_x) + at(x + 1, y, c) * part_x;
        const int lower = at(x, y + 1, c) * (32 - part_x) + at(x + 1, y + 1, c) * part_x;
        *out++ = static_cast<uint8_t>((upper * (32 - part_y) + lower * part_y + 512) >> 10);
      }
    }
  }
  return patch;
}

// What a float32 network reads: values in [0, 1].
inline std::vector<float> ToInput(const std::vector<uint8_t>& patch) {
  std::vector<float> input(patch.size());
  std::transform(patch.begin(), patch.end(), input.begin(), [](uint8_t value) { return value / 255.0f; });
  return input;
}

// Maps [height, width, count] -> one landmark per map, in crop pixels. score, from the .json: "softmax", the mean of the
// map's softmax over the window, three map pixels to each side of its middle, that holds most of it; "sigmoid", the
// largest value's place moved a quarter of a map pixel towards the larger neighbour in x and in y, not at the border. Of
// equal values and windows the first in row order.
inline std::vector<Landmark> Decode(const float* maps, int height, int width, int count, int stride,
                                    const std::string& score) {
  constexpr int window = 3;
  std::vector<Landmark> found;
  std::vector<double> shares(size_t{1} * height * width), rows(shares.size());
  for (int k = 0; k < count; ++k) {
    const auto at = [&](int y, int x) { return maps[(y * width + x) * count + k]; };
    int best = 0;
    for (int i = 1; i < height * width; ++i) {
      if (maps[i * count + k] > maps[best * count + k]) best = i;
    }
    const float peak = maps[best * count + k];
    double dx = 0, dy = 0;
    if (score == "softmax") {
      for (int i = 0; i < height * width; ++i) shares[i] = std::exp(static_cast<double>(maps[i * count + k] - peak));
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          double sum = 0;
          for (int j = std::max(0, y - window); j <= std::min(height - 1, y + window); ++j) sum += shares[j * width + x];
          rows[y * width + x] = sum;
        }
      }
      double most = -1;
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          double sum = 0;
          for (int i = std::max(0, x - window); i <= std::min(width - 1, x + window); ++i) sum += rows[y * width + i];
          if (sum > most) {
            most = sum;
            best = y * width + x;
          }
        }
      }
      const int x = best % width, y = best / width;
      double total = 0;
      for (int j = std::max(0, y - window); j <= std::min(height - 1, y + window); ++j) {
        for (int i = std::max(0, x - window); i <= std::min(width - 1, x + window); ++i) {
          total += shares[j * width + i];
          dx += shares[j * width + i] * (i - x);
          dy += shares[j * width + i] * (j - y);
        }
      }
      dx /= total;
      dy /= total;
    } else {
      const int x = best % width, y = best / width;
      const auto quarter = [](float more, float less) { return more > less ? 0.25 : more < less ? -0.25 : 0.0; };
      if (x > 0 && x < width - 1 && y > 0 && y < height - 1) {
        dx = quarter(at(y, x + 1), at(y, x - 1));
        dy = quarter(at(y + 1, x), at(y - 1, x));
      }
    }
    found.push_back({static_cast<float>(stride * (best % width + dx + 0.5) - 0.5),
                     static_cast<float>(stride * (best / width + dy + 0.5) - 0.5), peak});
  }
  return found;
}

// Confidence in [0, 1] of each landmark. score: "sigmoid" or "softmax", sigma: map pixels; both from the .json.
inline std::vector<float> Scores(const float* maps, int cells, const std::vector<Landmark>& found,
                                 const std::string& score, double sigma) {
  const size_t count = found.size();
  std::vector<float> scores;
  for (size_t k = 0; k < count; ++k) {
    if (score == "sigmoid") {
      scores.push_back(1 / (1 + std::exp(-found[k].peak)));
      continue;
    }
    double sum = 0;
    for (int i = 0; i < cells; ++i) sum += std::exp(maps[i * count + k] - found[k].peak);
    scores.push_back(static_cast<float>(std::min(1.0, 2 * 3.14159265358979323846 * sigma * sigma / sum)));
  }
  return scores;
}

// A NumPy .npy file of version 1, as `unzip NAME.golden.npz` yields: little-endian, C order.
// Throws std::runtime_error where it is none, or holds another type than T (float, double or uint8_t).
template <typename T>
std::vector<T> ReadNpy(const std::string& path, std::vector<int>* shape = nullptr) {
  std::ifstream file(path, std::ios::binary);
  const std::string data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (data.size() < 10 || data.compare(0, 7, "\x93NUMPY\x01", 7) != 0) throw std::runtime_error(path + " is not a .npy file");
  const size_t start = 10 + static_cast<uint8_t>(data[8]) + 256 * static_cast<uint8_t>(data[9]);
  const std::string header = data.substr(10, start - 10);
  const std::string type = sizeof(T) == 1 ? "'|u1'" : sizeof(T) == 4 ? "'<f4'" : "'<f8'";
  if (header.find(type) == std::string::npos || header.find("'fortran_order': False") == std::string::npos) {
    throw std::runtime_error(path + " does not hold " + type + " in C order: " + header);
  }
  size_t count = 1;
  std::vector<int> dims;
  const size_t open = header.find("'shape': (") + 10, close = header.find(')', open);
  for (size_t i = open; i < close; ++i) {
    if (header[i] < '0' || header[i] > '9') continue;
    size_t digits;
    dims.push_back(std::stoi(header.substr(i), &digits));
    count *= dims.back();
    i += digits;
  }
  if (data.size() != start + count * sizeof(T)) throw std::runtime_error(path + " is cut short");
  std::vector<T> values(count);
  std::memcpy(values.data(), data.data() + start, count * sizeof(T));
  if (shape != nullptr) *shape = dims;
  return values;
}

}  // namespace landmarks
