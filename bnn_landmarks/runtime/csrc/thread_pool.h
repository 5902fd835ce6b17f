// A few threads that share the tasks of one step at a time.
#pragma once

#if defined(__wasm__)
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
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace bnn {

class ThreadPool {
 public:
  static constexpr int kMost = 64;

  // `threads` counts the caller, so one thread starts none.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(task, thread) for every task below `tasks`, and returns when all are done.
  template <typename Work>
  void Run(int tasks, const Work& work) {
    if (workers_.empty() || tasks < 2) {
      for (int task = 0; task < tasks; ++task) work(task, 0);
      return;
    }
    RunShared(
        tasks, [](const void* closure, int task, int thread) { (*static_cast<const Work*>(closure))(task, thread); },
        &work);
  }

 private:
  using Call = void (*)(const void* closure, int task, int thread);

  void RunShared(int tasks, Call call, const void* closure);
  void TakeTasks(int thread);
  void Loop(int thread);

  std::vector<std::thread> workers_;
  Call call_ = nullptr;
  const void* closure_ = nullptr;
  int tasks_ = 0;
  std::atomic<int> next_{0};
  // The number of the round, whether workers may still join it, and how many have. The caller waits only for those that
  // joined: a worker whose core is taken by another program is not missed.
  std::atomic<uint64_t> state_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace bnn
#endif
