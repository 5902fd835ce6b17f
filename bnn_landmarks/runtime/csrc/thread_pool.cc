#include "thread_pool.h"

#if !defined(__wasm__) || defined(__wasm_atomics__)
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bnn {

namespace {

// Steps follow one another within microseconds, so a worker spins for a while before it sleeps.
#if defined(__wasm__)
constexpr int kSpins = 200000;  // there is no instruction to pause by
#else
constexpr int kSpins = 20000;
#endif

// The parts of `state_`.
constexpr uint64_t kWorkers = 0xFF;
constexpr uint64_t kOpen = 0x100;
constexpr int kRoundShift = 9;

inline void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Another thread may be waiting for this core.
inline void Yield() {
#if defined(__wasm__)
  static int32_t never_rung;
  __builtin_wasm_memory_atomic_wait32(&never_rung, 0, 20000);  // nanoseconds
#else
  std::this_thread::yield();
#endif
}

}  // namespace

#if defined(__wasm__)

template <typename Change>
void Bell::Ring(const Change& change) {
  change();
  rings_.fetch_add(1);
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int32_t*>(&rings_), UINT32_MAX);
}

template <typename Done>
void Bell::Wait(const Done& done) {
  while (true) {
    const int32_t rings = rings_.load();
    if (done()) return;
    __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int32_t*>(&rings_), rings, -1);
  }
}

ThreadPool::ThreadPool(int threads) : threads_(threads) {}

ThreadPool::~ThreadPool() {
  bell_.Ring([&] { stop_.store(true); });
  while (present_.load() != 0) Yield();
}

int ThreadPool::Work(int thread) {
  present_.fetch_add(1);
  const int taken = Loop(thread);
  present_.fetch_sub(1);
  return taken;
}

#else

template <typename Change>
void Bell::Ring(const Change& change) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    change();
  }
  wake_.notify_all();
}

template <typename Done>
void Bell::Wait(const Done& done) {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait(lock, done);
}

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  for (int thread = 1; thread < threads; ++thread) workers_.emplace_back(&ThreadPool::Loop, this, thread);
}

ThreadPool::~ThreadPool() {
  bell_.Ring([&] { stop_.store(true); });
  for (std::thread& worker : workers_) worker.join();
}

#endif

void ThreadPool::RunShared(int tasks, Call call, const void* closure) {
  call_ = call;
  closure_ = closure;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  const uint64_t round = (state_.load(std::memory_order_relaxed) >> kRoundShift) + 1;
  bell_.Ring([&] { state_.store(round << kRoundShift | kOpen, std::memory_order_release); });
  TakeTasks(0);
  state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int spins = 0; (state_.load(std::memory_order_acquire) & kWorkers) != 0;) {
    if (++spins < kSpins) {
      Pause();
    } else {
      Yield();
    }
  }
}

int ThreadPool::TakeTasks(int thread) {
  int taken = 0;
  for (int task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_; ++taken)
    call_(closure_, task, thread);
  return taken;
}

int ThreadPool::Loop(int thread) {
  int taken = 0;
  uint64_t seen = 0;
  const auto open = [&] {
    const uint64_t state = state_.load(std::memory_order_acquire);
    return (state & kOpen) != 0 && state >> kRoundShift != seen;
  };
  while (true) {
    for (int spins = 0; spins < kSpins && !open() && !stop_.load(); ++spins) Pause();
    if (!open()) bell_.Wait([&] { return stop_.load() || open(); });
    if (stop_.load()) return taken;
    uint64_t state = state_.load(std::memory_order_acquire);
    if ((state & kOpen) == 0 || !state_.compare_exchange_strong(state, state + 1, std::memory_order_acq_rel)) continue;
    seen = state >> kRoundShift;
    taken += TakeTasks(thread);
    state_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace bnn
#endif
