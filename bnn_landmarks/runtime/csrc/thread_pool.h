// A few threads that share the tasks of one step at a time.
#pragma once

#if defined(__wasm__) && !defined(__wasm_atomics__)
// Built without threads: the caller alone.
namespace bnn {

class ThreadPool {
 public:
  static constexpr int kMost = 1;

  explicit ThreadPool(int) {}

  template <typename Work>
  void Run(int tasks, const Work& work) {
    for (int task = 0; task < tasks; ++task) work(task, 0);
  }
};

}  // namespace bnn
#else

#include <atomic>
#include <cstdint>
#if !defined(__wasm__)
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#endif

namespace bnn {

// What workers sleep by until something has changed.
class Bell {
 public:
  // Calls `change`, and wakes all that wait.
  template <typename Change>
  void Ring(const Change& change);

  // Until `done`, which `Ring` has made true.
  template <typename Done>
  void Wait(const Done& done);

 private:
#if defined(__wasm__)
  std::atomic<int32_t> rings_{0};
#else
  std::mutex mutex_;
  std::condition_variable wake_;
#endif
};

class ThreadPool {
 public:
  static constexpr int kMost = 64;

  // `threads` counts the caller, so one thread starts none. WebAssembly starts no thread by itself: others call `Work`,
  // each with a number of its own from 1 to `threads` - 1, when they have come.
  explicit ThreadPool(int threads);
  ~ThreadPool();  // when the workers have left
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls work(task, thread) for every task below `tasks`, and returns when all are done.
  template <typename Work>
  void Run(int tasks, const Work& work) {
    if (threads_ == 1 || tasks < 2) {
      for (int task = 0; task < tasks; ++task) work(task, 0);
      return;
    }
    RunShared(
        tasks, [](const void* closure, int task, int thread) { (*static_cast<const Work*>(closure))(task, thread); },
        &work);
  }

#if defined(__wasm__)
  // Takes tasks of every round until the pool goes; how many.
  int Work(int thread);
#endif

 private:
  using Call = void (*)(const void* closure, int task, int thread);

  void RunShared(int tasks, Call call, const void* closure);
  int TakeTasks(int thread);
  int Loop(int thread);

  const int threads_;
  Call call_ = nullptr;
  const void* closure_ = nullptr;
  int tasks_ = 0;
  std::atomic<int> next_{0};
  // The number of the round, whether workers may still join it, and how many have. The caller waits only for those that
  // joined: a worker whose core is taken by another program, or that has not come yet, is not missed.
  std::atomic<uint64_t> state_{0};
  std::atomic<bool> stop_{false};
  Bell bell_;
#if defined(__wasm__)
  std::atomic<int> present_{0};
#else
  std::vector<std::thread> workers_;
#endif
};

}  // namespace bnn
#endif
