#!/bin/sh
# ziglang's clang compiles C++ exceptions to WebAssembly, but its C++ library has none to link them with; and it takes -Oz
# for -Os.
#
# Tried: ziglang 0.17.1 from PyPI (LLVM 22.1.8), Linux on x86-64.
# A throw and a catch, for wasm32-wasi with -fwasm-exceptions, compile and do not link: __cxa_throw,
# __cxa_allocate_exception, _Unwind_CallPersonality and the tag __cpp_exception are undefined. Without the flag __cxa_throw
# still is. The sources are in the wheel (lib/libcxxabi/src/cxa_exception.cpp and cxa_personality.cpp,
# lib/libunwind/src/Unwind-wasm.c) and link when compiled along; the tag is three lines of assembler.
# An object compiled with -Oz is that of -Os; -Xclang -Oz makes another.
# Exits 0 as long as that is so. Needs python3 with venv; takes minutes the first time, for the C++ library.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check ziglang==0.17.1
cat > "$work/program.cc" <<'EOP'
#include <stdexcept>
int sum(const int* x, int n) {
  int s = 0;
  for (int i = 0; i < n; ++i) s += x[i] * x[i];
  return s;
}
int main(int n, char**) {
  try {
    if (n < 2) throw std::runtime_error("thrown");
  } catch (const std::exception&) {
    return 3;
  }
  return sum(&n, 1);
}
EOP
cd "$work"
zig() {
  venv/bin/python -m ziglang c++ -target wasm32-wasi -mcpu=generic+simd128+exception_handling -fwasm-exceptions "$@"
}
status=0
zig program.cc -o program.wasm 2> messages || status=$?
undefined=$(grep -o 'undefined symbol: .*' messages | sort -u | cut -d' ' -f3 | tr '\n' ' ')
echo "linker's status $status, undefined: $undefined"
for level in -Os -Oz "-Os -Xclang -Oz"; do
  # shellcheck disable=SC2086
  zig -c $level program.cc -o "object$(echo "$level" | tr -d ' ')"
done
cmp object-Os object-Oz
if cmp -s object-Os object-Os-Xclang-Oz; then exit 1; fi
[ "$status" -ne 0 ]
for symbol in __cxa_throw __cxa_allocate_exception _Unwind_CallPersonality __cpp_exception; do
  grep -q "undefined symbol: $symbol" messages
done
echo "as described"
