// Landmarks of a photograph, or the proof that they come out as in Python:
//   landmarks pose.tflite photo.jpg [x y width height]     prints name, x, y, score, one landmark a line
//   landmarks pose.tflite --golden pose.golden             a directory: unzip pose.golden.npz -d pose.golden
// pose.json, written beside pose.tflite by the exporter, is read too.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "landmarks.hpp"
#include "larq_compute_engine/tflite/kernels/lce_ops_register.h"
#include "nlohmann/json.hpp"
#include "tensorflow/lite/interpreter.h"
#include "tensorflow/lite/kernels/register.h"
#include "tensorflow/lite/model.h"

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
    Require(record["input_shape"][0] == 1, "a network of several images a call: export it with --batch 1");
    model_ = tflite::FlatBufferModel::BuildFromFile(path.c_str());
    Require(model_ != nullptr, path.string() + " can't be read");
    tflite::ops::builtin::BuiltinOpResolver resolver;
    compute_engine::tflite::RegisterLCECustomOps(&resolver);
    tflite::InterpreterBuilder builder(*model_, resolver);
    builder.SetNumThreads(kThreads);
    Require(builder(&interpreter_) == kTfLiteOk && interpreter_->AllocateTensors() == kTfLiteOk,
            path.string() + " can't be run");
  }

  // Maps [height, width, count] of one input.
  template <typename T>
  const float* Run(const std::vector<T>& input) {
    Require(interpreter_->input_tensor(0)->bytes == input.size() * sizeof(T), "the input has another size or type");
    std::copy(input.begin(), input.end(), interpreter_->typed_input_tensor<T>(0));
    Require(interpreter_->Invoke() == kTfLiteOk, "the network does not run");
    return interpreter_->typed_output_tensor<float>(0);
  }

  std::vector<landmarks::Landmark> Decode(const float* maps) const {
    const auto& shape = record["output_shape"];
    return landmarks::Decode(maps, shape[1], shape[2], shape[3], record["decode"]["stride"],
                             record["decode"]["score"]);
  }

  std::vector<float> Scores(const float* maps, const std::vector<landmarks::Landmark>& found) const {
    const auto &shape = record["output_shape"], &decode = record["decode"];
    return landmarks::Scores(maps, shape[1].get<int>() * shape[2].get<int>(), found, decode["score"], decode["sigma"]);
  }

  bool TakesBytes() const { return record["input"] == "uint8"; }

  nlohmann::json record;

 private:
  std::unique_ptr<tflite::FlatBufferModel> model_;
  std::unique_ptr<tflite::Interpreter> interpreter_;
};

landmarks::Image ReadImage(const std::string& path) {
  cv::Mat image = cv::imread(path, cv::IMREAD_COLOR);
  Require(!image.empty(), path + " is not an image that can be read");
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return {image.cols, image.rows, {image.datastart, image.dataend}};
}

int Locate(Network& network, const landmarks::Image& image, const landmarks::Box& box) {
  const auto& record = network.record;
  const int size = record["input_shape"][1];
  const auto square = landmarks::SquareAround(box, record["crop"]["box_side"], record["crop"]["padding"]);
  const auto patch = landmarks::Crop(image, square, size);
  const float* maps = network.TakesBytes() ? network.Run(patch) : network.Run(landmarks::ToInput(patch));
  const auto found = network.Decode(maps);
  const auto scores = network.Scores(maps, found);
  const auto affine = landmarks::AffineOf(square, size);
  for (size_t k = 0; k < found.size(); ++k) {
    const auto point = landmarks::Restore(found[k].x, found[k].y, affine);
    std::printf("%s %.2f %.2f %.3f\n", record["landmarks"][k].get<std::string>().c_str(), point[0], point[1], scores[k]);
  }
  return 0;
}

// The golden input's points, against the golden ones. Real-valued layers round otherwise on another processor, and a
// sign near zero may flip: so a landmark that Python was sure of may move by a map pixel, no more.
int Prove(Network& network, const std::string& directory) {
  const auto input = directory + "/input.npy";
  const float* maps = network.TakesBytes() ? network.Run(ReadNpy<uint8_t>(input)) : network.Run(ReadNpy<float>(input));
  const auto found = network.Decode(maps);
  const auto points = ReadNpy<float>(directory + "/points.npy"), scores = ReadNpy<float>(directory + "/scores.npy");
  Require(points.size() == 2 * found.size(), directory + " belongs to another network");
  int wrong = 0;
  for (size_t k = 0; k < found.size(); ++k) {
    const double off = std::hypot(found[k].x - points[2 * k], found[k].y - points[2 * k + 1]);
    const bool right = scores[k] < 0.2 || off <= network.record["decode"]["stride"].get<double>();
    std::printf("%s off by %.3f pixels%s\n", network.record["landmarks"][k].get<std::string>().c_str(), off,
                right ? "" : ": WRONG");
    wrong += !right;
  }
  return wrong > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 7 && !(argc == 4 && std::string(argv[2]) == "--golden")) {
    std::fprintf(stderr, "landmarks MODEL.tflite PHOTO [X Y WIDTH HEIGHT]\nlandmarks MODEL.tflite --golden DIRECTORY\n");
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
