// Counting by table look-up, two pixels at once, for sets with a byte shuffle (AVX2, WebAssembly). A row of the table
// holds, for four bits of either pixel, how many differ from each of the 16 possible four filter bits, one pixel's
// number in a byte's lower half and the other's in its upper. The filters, a nibble in a byte, are the indices, so a
// shuffle of N bytes makes 8 N products. Three such bytes fit into one, then the halves part: the lower are summed in
// bytes, the upper in lanes of 16 bits together with what lies between them, which is taken off at the end.
//
// A set gives `Vectors`:
//   kLanes                                         bytes, that is channels, in a vector
//   Rows(a, b, words, rows)                        where the rows of two pixels' words lie in the table, in bytes
//   CountPair<kVectors>(filter, rows, groups, first, counts, apart)
//                                                  two pixels by so many vectors of channels; the second's counts lie
//                                                  `apart` from the first's; added to what is there but the `first`
//                                                  time
#pragma once

#include "kernels.h"

namespace bnn {
namespace {  // compiled for each set's own processor

// Row x + 16 y, entry w: the number of bits in which w differs from x, and 16 times that from y.
struct PairTable {
  alignas(64) uint8_t rows[256][16];
  constexpr PairTable() : rows() {
    for (int x = 0; x < 256; ++x) {
      for (int w = 0; w < 16; ++w) {
        const int d = x ^ w ^ w << 4;
        int count = 0;
        for (int bit = 0; bit < 8; ++bit) count += (d >> bit & 1) << (bit / 4 * 4);
        rows[x][w] = static_cast<uint8_t>(count);
      }
    }
  }
};
constexpr PairTable kPairTable;

constexpr int kGroup = 3;        // nibbles until half a byte could overflow: 3 * 4 = 12
constexpr int kChunk = 63;       // and until a byte could: 63 * 4 = 252
constexpr int kPieceWords = 63;  // words that are looked up at a time: eight chunks
constexpr int kPairs = kStrip / 2;
constexpr int kMostVectors = 4;  // of channels at a time

inline int Groups(int words) { return (words * 8 + kGroup - 1) / kGroup; }

size_t PackedPairBytes(int channels, int words) {
  size_t bytes = 0;
  for (; words > 0; words -= kPieceWords) {
    const int piece = words < kPieceWords ? words : kPieceWords;
    bytes += static_cast<size_t>(Groups(piece)) * kGroup * WordsFor(channels) * kWord;
  }
  return bytes;
}

// [piece][block of channels][nibble][vector][lane], a byte each; a piece ends with zeros that fill its last group. In a
// vector the even bytes are the first half's channels, so that their sums, which 16 bits hold, are neighbours'.
template <typename Vectors>
void PackPairs(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed) {
  constexpr int kLanes = Vectors::kLanes, kBlock = kMostVectors * kLanes;
  const int words = WordsUnder(windows, window_count);
  std::memset(packed, 0, PackedPairBytes(channels, words));
  const int width = WordsFor(channels) * kWord;
  for (int from = 0; from < words; from += kPieceWords) {
    const int piece = words - from < kPieceWords ? words - from : kPieceWords;
    const size_t steps = static_cast<size_t>(Groups(piece)) * kGroup;
    for (int c = 0; c < channels; ++c) {
      const int block = c / kBlock * kBlock, block_width = width - block < kBlock ? width - block : kBlock;
      const int lane = c % (kLanes / 2) * 2 + c % kLanes / (kLanes / 2);
      uint8_t* to = packed + block * steps + c % kBlock / kLanes * kLanes + lane;
      for (int w = 0; w < piece; ++w) {
        const uint32_t word = filters[static_cast<size_t>(c) * words + from + w];
        for (int n = 0; n < 8; ++n) to[static_cast<size_t>(w * 8 + n) * block_width] = word >> (4 * n) & 15;
      }
    }
    packed += steps * width;
  }
}

// The rows of so many words of all pairs, from `offset` on. Where a pair's pixels lie as far behind the pair's before
// it as each other, some of their words are those of that pair.
template <typename Vectors>
void RowsOfPairs(const uint8_t* const* origins, int pixels, ptrdiff_t offset, int words, uint16_t* rows,
                 ptrdiff_t row_stride) {
  const int pairs = (pixels + 1) / 2;
  for (int p = 0; p < pairs; ++p, rows += row_stride) {
    const uint8_t* a = origins[p];
    const uint8_t* b = origins[p + pairs < pixels ? p + pairs : p];
    int shared = 0;
    if (p > 0) {
      const ptrdiff_t step = a - origins[p - 1];
      if (b - origins[p - 1 + pairs] == step && step > 0 && step < 4 * words) {
        shared = words - static_cast<int>(step / 4);
        const uint16_t* before = rows - row_stride + 2 * step;
        for (int w = 0; w < shared; ++w) std::memcpy(rows + 8 * w, before + 8 * w, 16);
      }
    }
    Vectors::Rows(a + offset + 4 * shared, b + offset + 4 * shared, words - shared, rows + 8 * shared);
  }
}

template <typename Vectors, int kVectors>
void CountBlock(const uint8_t* filters, const uint16_t* rows, ptrdiff_t row_stride, int groups, int pairs, bool first,
                uint16_t* counts) {
  for (int done = 0; done < groups; done += kChunk / kGroup) {
    const int chunk = groups - done < kChunk / kGroup ? groups - done : kChunk / kGroup;
    for (int p = 0; p < pairs; ++p) {
      Vectors::template CountPair<kVectors>(filters, rows + p * row_stride + done * kGroup, chunk, first,
                                            counts + p * kTile, pairs * kTile);
    }
    first = false;
    filters += static_cast<ptrdiff_t>(chunk) * kGroup * kVectors * Vectors::kLanes;
  }
}

// Pairs are of a pixel in the strip's first half and one in its second.
template <typename Vectors>
void AccumulatePairs(const uint8_t* packed, int channels, const Window* windows, int window_count,
                     const uint8_t* const* origins, int pixels, void* counts) {
  constexpr int kLanes = Vectors::kLanes, kRowStride = (kPieceWords * 8 + 7) / 8 * 8;
  alignas(16) uint16_t rows[kPairs * kRowStride];
  const int width = WordsFor(channels) * kWord, pairs = (pixels + 1) / 2;
  int left = WordsUnder(windows, window_count);
  bool first = true;
  for (int window = 0, from = 0; left > 0; first = false) {
    const int piece = left < kPieceWords ? left : kPieceWords;
    const int groups = Groups(piece);
    for (int filled = 0; filled < piece;) {
      const int room = piece - filled, rest = windows[window].words - from;
      const int words = room < rest ? room : rest;
      RowsOfPairs<Vectors>(origins, pixels, windows[window].offset + 4 * static_cast<ptrdiff_t>(from), words,
                           rows + filled * 8, kRowStride);
      filled += words;
      from += words;
      if (from == windows[window].words) {
        ++window;
        from = 0;
      }
    }
    // The zeros that fill the last group, where filters have them too.
    for (int step = piece * 8; step < groups * kGroup; ++step) {
      for (int p = 0; p < pairs; ++p) rows[p * kRowStride + step] = 0;
    }
    uint16_t* out = static_cast<uint16_t*>(counts);
    for (int vectors = width / kLanes; vectors > 0; vectors -= kMostVectors, out += kMostVectors * kLanes) {
      const int most = vectors < kMostVectors ? vectors : kMostVectors;
      if (most == 4) CountBlock<Vectors, 4>(packed, rows, kRowStride, groups, pairs, first, out);
      if (most == 2) CountBlock<Vectors, 2>(packed, rows, kRowStride, groups, pairs, first, out);
      if constexpr (kLanes == kWord) {
        if (most == 3) CountBlock<Vectors, 3>(packed, rows, kRowStride, groups, pairs, first, out);
        if (most == 1) CountBlock<Vectors, 1>(packed, rows, kRowStride, groups, pairs, first, out);
      }
      packed += static_cast<ptrdiff_t>(groups) * kGroup * most * kLanes;
    }
    left -= piece;
  }
}

}  // namespace
}  // namespace bnn
