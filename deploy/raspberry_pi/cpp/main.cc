// Landmarks of a photograph, or the proof that they come out as in Python:
//   landmarks pose.tflite photo.jpg [x y width height]     prints name, x, y, score, one landmark per line
//   landmarks pose.tflite --golden pose.golden             a directory: unzip pose.golden.npz -d pose.golden
// pose.json, written beside pose.tflite by the exporter, is read too.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "bnn_engine.h"
#include "landmarks.hpp"
#include "nlohmann/json.hpp"

#define STB_IMAGE_IMPLEMENTATION
#define STBI_FAILURE_USERMSG
#include "stb_image.h"

namespace {

using landmarks::ReadNpy;

constexpr int kThreads = 4;

void Require(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

class Network {
 public:
  explicit Network(const std::filesystem::path& path) {
    std::ifstream described(std::filesystem::path(path).replace_extension(".json"));
    Require(described.good(), path.string() + " has no .json beside it");
    record = nlohmann::json::parse(described);
    Require(record["decode"].contains("score"), "a network of facial parts; this program finds landmarks");
    Require(record["input_shape"][0] == 1, "a network of several images per call: export it with --batch 1");
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    model_.reset(bnn_open(bytes.data(), bytes.size()));
    if (model_ != nullptr) context_.reset(bnn_context_new(model_.get(), kThreads));
    Require(context_ != nullptr, path.string() + " can't be run: " + bnn_error());
    bnn_tensor output;
    Require(bnn_input(model_.get(), 0, &input_) == 0 && bnn_output(model_.get(), 0, &output) == 0, bnn_error());
    maps_.resize(output.bytes / sizeof(float));
  }

  // Maps [height, width, count] of one input, bytes 0 to 255 or floats in [0, 1].
  const float* Run(const std::vector<uint8_t>& input) {
    CheckSize(input.size());
    Require(bnn_run_uint8(context_.get(), input.data(), maps_.data()) == 0, bnn_error());
    return maps_.data();
  }
  const float* Run(const std::vector<float>& input) {
    CheckSize(input.size());
    Require(bnn_run_float(context_.get(), input.data(), maps_.data()) == 0, bnn_error());
    return maps_.data();
  }

  std::vector<landmarks::Landmark> Decode(const float* maps) const {
    const auto& shape = record["output_shape"];
    return landmarks::Decode(maps, shape[1], shape[2], shape[3], record["decode"]["stride"], record["decode"]["score"]);
  }

  std::vector<float> Scores(const float* maps, const std::vector<landmarks::Landmark>& found) const {
    const auto &shape = record["output_shape"], &decode = record["decode"];
    return landmarks::Scores(maps, shape[1].get<int>() * shape[2].get<int>(), found, decode["score"], decode["sigma"]);
  }

  size_t MapValues() const { return maps_.size(); }
  bool TakesBytes() const { return record["input"] == "uint8"; }

  nlohmann::json record;

 private:
  void CheckSize(size_t values) const {
    size_t wanted = 1;
    for (int i = 0; i < input_.rank; ++i) wanted *= static_cast<size_t>(input_.dims[i]);
    Require(values == wanted, "the input has another size");
  }

  struct Close {
    void operator()(bnn_model* model) const { bnn_close(model); }
    void operator()(bnn_context* context) const { bnn_context_free(context); }
  };
  std::unique_ptr<bnn_model, Close> model_;
  std::unique_ptr<bnn_context, Close> context_;
  bnn_tensor input_ = {};
  std::vector<float> maps_;
};

// RGB as it is stored: a photograph that its EXIF says to turn is not turned.
landmarks::Image ReadImage(const std::string& path) {
  int width, height, channels;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(stbi_load(path.c_str(), &width, &height, &channels, 3),
                                                         stbi_image_free);
  Require(pixels != nullptr,
          path + " is not an image that can be read: " + (stbi_failure_reason() ? stbi_failure_reason() : ""));
  return {width, height, {pixels.get(), pixels.get() + size_t{3} * width * height}};
}

int Locate(Network& network, const landmarks::Image& image, const landmarks::Box& box) {
  const auto& record = network.record;
  const int size = record["input_shape"][1];
  const auto square = landmarks::SquareAround(box, record["crop"]["box_side"], record["crop"]["padding"]);
  const auto patch = landmarks::Crop(image, square, size);
  const float* maps = network.Run(patch);
  const auto found = network.Decode(maps);
  const auto scores = network.Scores(maps, found);
  const auto affine = landmarks::AffineOf(square, size);
  for (size_t k = 0; k < found.size(); ++k) {
    const auto point = landmarks::Restore(found[k].x, found[k].y, affine);
    std::printf("%s %.2f %.2f %.3f\n", record["landmarks"][k].get<std::string>().c_str(), point[0], point[1],
                scores[k]);
  }
  return 0;
}

// The golden input's maps and points, against the golden ones: the engine computes the same on every processor.
int Prove(Network& network, const std::string& directory) {
  const auto input = directory + "/input.npy";
  const float* maps = network.TakesBytes() ? network.Run(ReadNpy<uint8_t>(input)) : network.Run(ReadNpy<float>(input));
  const auto found = network.Decode(maps);
  const auto points = ReadNpy<float>(directory + "/points.npy"), expected = ReadNpy<float>(directory + "/maps.npy");
  Require(points.size() == 2 * found.size() && expected.size() == network.MapValues(),
          directory + " belongs to another network");
  float most = 0;
  for (size_t i = 0; i < expected.size(); ++i) most = std::max(most, std::fabs(maps[i] - expected[i]));
  std::printf("maps differ by %g at most\n", most);
  int wrong = most > 1e-3f;
  for (size_t k = 0; k < found.size(); ++k) {
    const double off = std::hypot(found[k].x - points[2 * k], found[k].y - points[2 * k + 1]);
    std::printf("%s off by %.3f pixels%s\n", network.record["landmarks"][k].get<std::string>().c_str(), off,
                off <= 0.01 ? "" : ": WRONG");
    wrong += off > 0.01;
  }
  return wrong > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 7 && !(argc == 4 && std::string(argv[2]) == "--golden")) {
    std::fprintf(stderr,
                 "landmarks MODEL.tflite PHOTO [X Y WIDTH HEIGHT]\nlandmarks MODEL.tflite --golden DIRECTORY\n");
    return 2;
  }
  try {
    Network network(argv[1]);
    if (argc == 4) return Prove(network, argv[3]);
    const auto image = ReadImage(argv[2]);
    landmarks::Box box{-0.5, -0.5, double(image.width), double(image.height)};
    if (argc == 7) box = {std::atof(argv[3]), std::atof(argv[4]), std::atof(argv[5]), std::atof(argv[6])};
    Require(box.width > 0 && box.height > 0, "the box is empty");
    return Locate(network, image, box);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "landmarks: %s\n", error.what());
    return 1;
  }
}
