#include <algorithm>
#include <cstdint>

#include "plan.h"

namespace bnn {

namespace {

constexpr double kMostBytes = 1 << 28;

// How far the windows of a convolution reach beyond an image along one axis.
void Reach(int size, int filter, int stride, int dilation, bool same, int* before, int* after) {
  int output, pad;
  OutputSize(size, filter, stride, dilation, same, &output, &pad);
  const int64_t end = static_cast<int64_t>(output - 1) * stride + static_cast<int64_t>(filter - 1) * dilation + 1 - pad;
  *before = std::max(*before, pad);
  *after = std::max(*after, static_cast<int>(std::max<int64_t>(end - size, 0)));
}

}  // namespace

void PlanImages(Plan* plan) {
  std::set<int> all = plan->bits;
  all.insert(plan->outside_bits.begin(), plan->outside_bits.end());
  std::vector<std::unique_ptr<BitImage>>& images = plan->program.images;
  for (int tensor : all) {
    images.push_back(std::make_unique<BitImage>());
    BitImage* image = images.back().get();
    image->index = static_cast<int>(images.size()) - 1;
    image->shape = plan->shape(tensor);
    image->words = WordsFor(image->shape.c);
    plan->images[tensor] = image;
  }
  for (const Node& node : plan->graph.nodes) {
    if (node.op != Op::kConv) continue;
    BitImage* image = plan->images[node.inputs[0]];
    const std::vector<int>& filter = plan->tensor(node.filter).dims;
    const Shape& in = image->shape;
    Reach(in.h, filter[1], node.conv.stride_height, node.conv.dilation_height, node.conv.same_padding, &image->top,
          &image->bottom);
    Reach(in.w, filter[2], node.conv.stride_width, node.conv.dilation_width, node.conv.same_padding, &image->left,
          &image->right);
  }
  for (const auto& entry : plan->pixel_sources) {
    const Node& node = plan->graph.nodes[entry.first];
    images.push_back(std::make_unique<BitImage>());
    BitImage* image = images.back().get();
    image->index = static_cast<int>(images.size()) - 1;
    image->shape = plan->shape(entry.second.outside);
    image->pixel_bytes = static_cast<size_t>(image->shape.c) * plan->kernels.pixel_bytes;
    image->blank = plan->kernels.pixel_flip;
    const std::vector<int>& filter = plan->tensor(node.filter).dims;
    const FloatConvOptions& o = node.float_conv;
    Reach(image->shape.h, filter[1], o.stride_height, o.dilation_height, o.same_padding, &image->top, &image->bottom);
    Reach(image->shape.w, filter[2], o.stride_width, o.dilation_width, o.same_padding, &image->left, &image->right);
    plan->images[entry.second.outside] = image;
  }
  for (const auto& image : images) {
    if (image->pixel_bytes == 0) image->pixel_bytes = static_cast<size_t>(image->words) * kWordBytes;
    const double rows = static_cast<double>(image->shape.h) + image->top + image->bottom;
    const double columns = static_cast<double>(image->shape.w) + image->left + image->right;
    Require(rows * columns * image->shape.n * static_cast<double>(image->pixel_bytes) < kMostBytes,
            "a tensor is too large");
    image->row_bytes = static_cast<size_t>(columns) * image->pixel_bytes;
    image->image_bytes = static_cast<size_t>(rows) * image->row_bytes;
  }
}

// Largest first, each at the lowest place that is free while it is alive.
void PlanFloats(Plan* plan) {
  std::vector<FloatPlace*> order;
  for (FloatPlace& place : plan->program.floats) {
    const auto larger = [](FloatPlace* a, FloatPlace* b) { return a->bytes() > b->bytes(); };
    if (place.used && !place.outside) {
      order.insert(std::upper_bound(order.begin(), order.end(), &place, larger), &place);
    }
  }
  // A size_t may have 32 bits.
  const auto most = std::min<uint64_t>(16 * kMostBytes, SIZE_MAX / 2);
  const auto end = [](const FloatPlace* place) { return uint64_t{place->offset} + place->bytes(); };
  size_t total = 0;
  std::vector<FloatPlace*> placed;
  for (FloatPlace* place : order) {
    const auto in_the_way = [&](const FloatPlace* other) {
      return other->first_step <= place->last_step && place->first_step <= other->last_step &&
             other->offset < end(place) && place->offset < end(other);
    };
    for (auto other = placed.begin(); other != placed.end();) {
      other = std::find_if(placed.begin(), placed.end(), in_the_way);
      if (other != placed.end()) place->offset = static_cast<size_t>(end(*other));
    }
    Require(end(place) < most, "the network needs too much memory");
    placed.push_back(place);
    total = std::max(total, static_cast<size_t>(end(place)));
  }
  plan->program.arena_bytes = total;
}

}  // namespace bnn
