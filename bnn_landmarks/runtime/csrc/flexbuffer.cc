#include "flexbuffer.h"

#include <cstring>

namespace bnn {

namespace {

// FlexBuffer types (the upper six bits of a packed type; the lower two are log2 of the width).
constexpr int kInt = 1;
constexpr int kUInt = 2;
constexpr int kIndirectInt = 6;
constexpr int kIndirectUInt = 7;
constexpr int kMap = 9;
constexpr int kBool = 26;

int64_t SignExtend(uint64_t value, size_t width) {
  switch (width) {
    case 1:
      return static_cast<int8_t>(value);
    case 2:
      return static_cast<int16_t>(value);
    case 4:
      return static_cast<int32_t>(value);
    default:
      return static_cast<int64_t>(value);
  }
}

bool ValidWidth(uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

}  // namespace

bool FlexMap::Read(size_t at, size_t width, uint64_t* value) const {
  if (at > size_ || size_ - at < width) return false;
  *value = 0;
  for (size_t i = 0; i < width; ++i) *value |= static_cast<uint64_t>(data_[at + i]) << (8 * i);
  return true;
}

// Offsets count backwards from where they are stored.
bool FlexMap::Follow(size_t at, size_t width, size_t* target) const {
  uint64_t offset;
  if (!Read(at, width, &offset) || offset > at) return false;
  *target = at - static_cast<size_t>(offset);
  return true;
}

bool FlexMap::KeyEquals(size_t at, const char* key) const {
  const size_t length = std::strlen(key) + 1;  // the terminator must match too
  return at <= size_ && size_ - at >= length && std::memcmp(data_ + at, key, length) == 0;
}

bool FlexMap::Open(const uint8_t* data, size_t size) {
  data_ = data;
  size_ = size;
  count_ = 0;
  if (data == nullptr || size < 3) return false;
  const size_t root_width = data[size - 1];
  const int root_type = data[size - 2];
  if (!ValidWidth(root_width) || size - 2 < root_width || root_type >> 2 != kMap) return false;
  value_width_ = size_t{1} << (root_type & 3);
  if (!Follow(size - 2 - root_width, root_width, &values_)) return false;
  // Before the values: offset of the keys, width of the keys, number of entries.
  if (values_ < 3 * value_width_) return false;
  uint64_t count, key_width, key_count;
  if (!Read(values_ - value_width_, value_width_, &count)) return false;
  if (!Read(values_ - 2 * value_width_, value_width_, &key_width) || !ValidWidth(key_width)) return false;
  if (!Follow(values_ - 3 * value_width_, value_width_, &keys_)) return false;
  key_width_ = static_cast<size_t>(key_width);
  if (keys_ < key_width_ || !Read(keys_ - key_width_, key_width_, &key_count) || key_count != count) return false;
  // A value takes its width and one byte of type.
  if (count > (size_ - values_) / (value_width_ + 1) || count > (size_ - keys_) / key_width_) return false;
  count_ = static_cast<size_t>(count);
  return true;
}

bool FlexMap::Int(const char* key, int64_t* value) const {
  for (size_t i = 0; i < count_; ++i) {
    size_t name;
    if (!Follow(keys_ + i * key_width_, key_width_, &name) || !KeyEquals(name, key)) continue;
    const size_t at = values_ + i * value_width_;
    const int packed = data_[values_ + count_ * value_width_ + i];
    const int type = packed >> 2;
    uint64_t raw;
    if (type == kInt || type == kUInt || type == kBool) {
      if (!Read(at, value_width_, &raw)) return false;
      *value = type == kInt ? SignExtend(raw, value_width_) : static_cast<int64_t>(raw);
      return true;
    }
    if (type == kIndirectInt || type == kIndirectUInt) {
      const size_t width = size_t{1} << (packed & 3);
      size_t target;
      if (!Follow(at, value_width_, &target) || !Read(target, width, &raw)) return false;
      *value = type == kIndirectInt ? SignExtend(raw, width) : static_cast<int64_t>(raw);
      return true;
    }
    return false;
  }
  return false;
}

}  // namespace bnn
