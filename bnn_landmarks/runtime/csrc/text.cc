#include "text.h"

namespace bnn {

std::string Text(std::initializer_list<Word> words) {
  std::string result;
  for (const Word& word : words) {
    if (word.text != nullptr) {
      result += word.text;
      continue;
    }
    char digits[21];
    char* first = digits + sizeof digits - 1;
    *first = 0;
    uint64_t left = word.number < 0 ? -static_cast<uint64_t>(word.number) : static_cast<uint64_t>(word.number);
    do {
      *--first = static_cast<char>('0' + left % 10);
      left /= 10;
    } while (left > 0);
    if (word.number < 0) *--first = '-';
    result += first;
  }
  return result;
}

}  // namespace bnn
