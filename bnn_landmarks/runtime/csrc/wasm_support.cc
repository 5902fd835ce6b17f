// What a WebAssembly module needs beyond the engine, because ziglang's C++ library comes without exceptions: memory
// whose lack is an exception, and the tag by which they are thrown. (The other part is libc++abi's and libunwind's own
// sources, which build_web.py compiles with them.)
#if defined(__wasm__)
#include <cstdlib>
#include <new>

void* operator new(size_t bytes) {
  void* memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

asm(".globl __cpp_exception\n"
    ".tagtype __cpp_exception i32\n"
    "__cpp_exception:\n");

// A page has no stderr, to which the library would write its last words by printf.
extern "C" [[noreturn]] void __abort_message(const char*, ...) { __builtin_trap(); }
namespace std {
inline namespace __1 {
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }
}  // namespace __1
}  // namespace std

// The thread that has any never ends.
extern "C" int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }
#endif
