// Words and numbers put together. The C++ library's ways are a twentieth of a WebAssembly module.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace bnn {

struct Word {
  Word(const char* words) : text(words) {}
  Word(const std::string& words) : text(words.c_str()) {}
  Word(int64_t value) : number(value) {}
  Word(int value) : number(value) {}
  const char* text = nullptr;  // null: a number
  int64_t number = 0;
};

std::string Text(std::initializer_list<Word> words);

}  // namespace bnn
