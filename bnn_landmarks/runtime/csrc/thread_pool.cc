#include "thread_pool.h"

#if !defined(__wasm__)
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bnn {

namespace {

// Steps follow one another within microseconds, so a worker spins for a while before it sleeps.
constexpr int kSpins = 20000;

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

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int thread = 1; thread < threads; ++thread) workers_.emplace_back(&ThreadPool::Loop, this, thread);
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::RunShared(int tasks, Call call, const void* closure) {
  call_ = call;
  closure_ = closure;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  const uint64_t round = (state_.load(std::memory_order_relaxed) >> kRoundShift) + 1;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.store(round << kRoundShift | kOpen, std::memory_order_release);
  }
  wake_.notify_all();
  TakeTasks(0);
  state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int spins = 0; (state_.load(std::memory_order_acquire) & kWorkers) != 0;) {
    if (++spins < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();  // the other thread may be waiting for this core
    }
  }
}

void ThreadPool::TakeTasks(int thread) {
  for (int task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) call_(closure_, task, thread);
}

void ThreadPool::Loop(int thread) {
  uint64_t seen = 0;
  const auto open = [&] {
    const uint64_t state = state_.load(std::memory_order_acquire);
    return (state & kOpen) != 0 && state >> kRoundShift != seen;
  };
  while (true) {
    for (int spins = 0; spins < kSpins && !open() && !stop_.load(); ++spins) Pause();
    if (!open()) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_.load() || open(); });
    }
    if (stop_.load()) return;
    uint64_t state = state_.load(std::memory_order_acquire);
    if ((state & kOpen) == 0 || !state_.compare_exchange_strong(state, state + 1, std::memory_order_acq_rel)) continue;
    seen = state >> kRoundShift;
    TakeTasks(thread);
    state_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace bnn
#endif
