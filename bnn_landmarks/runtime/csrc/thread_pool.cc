#include "thread_pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// Steps follow one another within microseconds, so a worker spins for a while before it sleeps.
constexpr int kSpins = 20000;

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
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    round_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  TakeTasks(0);
  for (int spins = 0; busy_.load(std::memory_order_acquire) != 0;) {
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
  while (true) {
    for (int spins = 0; spins < kSpins && round_.load(std::memory_order_acquire) == seen && !stop_.load(); ++spins) Pause();
    if (round_.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_.load() || round_.load(std::memory_order_acquire) != seen; });
    }
    if (stop_.load()) return;
    seen = round_.load(std::memory_order_acquire);
    TakeTasks(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}
