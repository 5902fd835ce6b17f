// Holds deploy/raspberry_pi/cpp/landmarks.hpp against golden vectors: check_ports PORTS_DIR [MODEL_DIR SCORE SIGMA]
// Prints the largest differences, one per line; exits with 1 where one is over its tolerance.
#include <cstdio>
#include <filesystem>

#include "landmarks.hpp"

using landmarks::ReadNpy;

int failed = 0;

template <typename A, typename B>
void Compare(const std::string& what, const A& found, const B& expected, double tolerance) {
  double largest = found.size() == expected.size() ? 0 : INFINITY;
  for (size_t i = 0; largest != INFINITY && i < found.size(); ++i) {
    const double difference = std::abs(double(found[i]) - double(expected[i]));
    if (!(difference <= largest)) largest = difference;
  }
  if (!(largest <= tolerance)) failed = 1;
  std::printf("%s %g%s\n", what.c_str(), largest, largest <= tolerance ? "" : " FAILED");
}

void CheckCrop(const std::string& path) {
  std::vector<int> shape;
  const auto pixels = ReadNpy<uint8_t>(path + "/image.npy", &shape);
  const auto box = ReadNpy<double>(path + "/box.npy"), options = ReadNpy<double>(path + "/options.npy");
  const auto matrix = ReadNpy<double>(path + "/matrix.npy");
  const int size = static_cast<int>(options[2]);
  const auto square =
      landmarks::SquareAround({box[0], box[1], box[2], box[3]}, options[0] != 0 ? "mean" : "max", options[1]);
  const auto affine = landmarks::AffineOf(square, size);
  const auto patch = landmarks::Crop({shape[1], shape[0], pixels}, square, size);
  Compare(path + " square", std::vector<double>{square.center_x, square.center_y, square.side},
          ReadNpy<double>(path + "/square.npy"), 1e-9);
  Compare(path + " matrix", std::vector<double>{affine.scale, 0, affine.shift_x, 0, affine.scale, affine.shift_y},
          matrix, 1e-9);
  Compare(path + " grey levels", patch, ReadNpy<uint8_t>(path + "/patch.npy"), 1);
  Compare(path + " input", landmarks::ToInput(ReadNpy<uint8_t>(path + "/patch.npy")),
          ReadNpy<float>(path + "/input.npy"), 0);
}

void CheckDecode(const std::string& path) {
  std::vector<int> shape;
  const auto maps = ReadNpy<float>(path + "/maps.npy", &shape);
  const auto options = ReadNpy<double>(path + "/options.npy"), matrix = ReadNpy<double>(path + "/matrix.npy");
  for (const std::string score : {"softmax", "sigmoid"}) {
    const auto found =
        landmarks::Decode(maps.data(), shape[0], shape[1], shape[2], static_cast<int>(options[0]), score);
    std::vector<double> points, peaks, restored;
    for (const auto& each : found) {
      points.insert(points.end(), {each.x, each.y});
      peaks.push_back(each.peak);
      for (double v : landmarks::Restore(each.x, each.y, {matrix[0], matrix[2], matrix[5]})) restored.push_back(v);
    }
    Compare(score + " points", points, ReadNpy<float>(path + "/" + score + "/points.npy"), 1e-3);
    Compare(score + " peaks", peaks, ReadNpy<float>(path + "/peaks.npy"), 0);
    Compare(score + " restored", restored, ReadNpy<double>(path + "/" + score + "/restored.npy"), 1e-3);
    Compare(score, landmarks::Scores(maps.data(), shape[0] * shape[1], found, score, options[1]),
            ReadNpy<float>(path + "/" + score + ".npy"), 1e-5);
  }
}

// The exporter's golden vectors: one input, its maps, points and scores.
void CheckModel(const std::string& path, const std::string& score, double sigma) {
  std::vector<int> input, shape;
  ReadNpy<float>(path + "/input.npy", &input);
  const auto maps = ReadNpy<float>(path + "/maps.npy", &shape);
  const auto found = landmarks::Decode(maps.data(), shape[1], shape[2], shape[3], input[1] / shape[1], score);
  std::vector<double> points;
  for (const auto& each : found) points.insert(points.end(), {each.x, each.y});
  Compare("model points", points, ReadNpy<float>(path + "/points.npy"), 1e-3);
  Compare("model scores", landmarks::Scores(maps.data(), shape[1] * shape[2], found, score, sigma),
          ReadNpy<float>(path + "/scores.npy"), 1e-5);
}

int main(int argc, char** argv) {
  const std::string path = argv[1];
  for (const auto& entry : std::filesystem::directory_iterator(path + "/crop")) CheckCrop(entry.path());
  CheckDecode(path + "/decode");
  if (argc == 5) CheckModel(argv[2], argv[3], std::stod(argv[4]));
  return failed;
}
