// Threads that look for work for a moment and then sleep. A longer look, as OpenMP runtimes take it, is what makes
// programs of several threads many times slower when other programs want the processor too.
#include "runtime/core/pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <sched.h>
#include <system_error>
#include <thread>
#include <utility>

namespace dl::rt {
namespace {

// About what it costs to put a thread to sleep and to wake it.
constexpr std::chrono::microseconds kSpin{50};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits a moment for the condition; whether it came true.
template <class Condition> bool spin(const Condition &condition) {
  auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 20; ++i) {
      if (condition())
        return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

struct Job {
  void (*body)(void *);
  void *context;
  int size;                              // threads that take part, with the one that waits
  int next = 1;                          // the number of the next thread that begins; guarded by the pool's lock
  std::atomic<int> left;                 // threads besides the waiting one that are not done
  std::atomic<int> arrived{0}, phase{0}; // of the barrier
};

thread_local Job *team = nullptr;
thread_local int number = 0;

class Pool {
public:
  // Never destroyed: its threads live until the process ends.
  static Pool &get() {
    static Pool &pool = *new Pool;
    return pool;
  }

  void run(int threads, void (*body)(void *), void *context, bool sharing) {
    if (threads <= 1 || team) {
      alone(body, context);
      return;
    }
    Job job{body, context, 1, 1, {0}};
    {
      std::lock_guard guard(lock);
      int helpers = reserve(threads - 1);
      job.size = helpers + 1;
      job.left = helpers;
      if (helpers) {
        jobs.push_back(&job);
        places += helpers;
      }
    }
    if (job.size == 1) {
      alone(body, context);
      return;
    }
    begun.notify_all();
    team = &job;
    body(context);
    team = nullptr;
    if (sharing)
      withdraw(job);
    auto isDone = [&] { return job.left.load(std::memory_order_acquire) == 0; };
    bool quick = spin(isDone);
    std::unique_lock guard(lock); // also: the last thread has let go of the job
    if (!quick)
      ended.wait(guard, isDone);
  }

private:
  std::mutex lock;
  std::condition_variable begun, ended;
  std::deque<Job *> jobs;     // those with places for more threads
  std::atomic<int> places{0}; // in all jobs together
  int busy = 0, workers = 0;  // places that are taken or promised; threads

  static void alone(void (*body)(void *), void *context) {
    Job job{body, context, 1, 1, {0}};
    Job *outer = std::exchange(team, &job);
    int outerNumber = std::exchange(number, 0);
    body(context);
    team = outer;
    number = outerNumber;
  }

  // Takes so many threads, or as many as there can be. Each job's threads run at once, so they must not wait for
  // another's.
  int reserve(int wanted) {
    while (workers - busy < wanted) {
      try {
        std::thread([this] { work(); }).detach();
      } catch (const std::system_error &) {
        break;
      }
      ++workers;
    }
    int taken = std::min(wanted, workers - busy);
    busy += taken;
    return taken;
  }

  // No further thread begins with the job.
  void withdraw(Job &job) {
    std::lock_guard guard(lock);
    int open = job.size - job.next;
    if (!open)
      return;
    jobs.erase(std::find(jobs.begin(), jobs.end(), &job));
    job.next = job.size;
    job.left -= open;
    places -= open;
    busy -= open;
  }

  void work() {
    for (;;) {
      spin([&] { return places.load(std::memory_order_relaxed) > 0; });
      std::unique_lock guard(lock);
      begun.wait(guard, [&] { return !jobs.empty(); });
      Job *job = jobs.front();
      number = job->next++;
      if (job->next == job->size)
        jobs.pop_front();
      --places;
      guard.unlock();
      team = job;
      job->body(job->context);
      team = nullptr;
      guard.lock();
      --busy;
      if (--job->left == 0)
        ended.notify_all();
    }
  }
};

} // namespace

void runTeam(int threads, void (*body)(void *), void *context) { Pool::get().run(threads, body, context, false); }
void runSharing(int threads, void (*body)(void *), void *context) { Pool::get().run(threads, body, context, true); }

int teamSize() { return team ? team->size : 1; }
int teamNumber() { return number; }

void teamBarrier() {
  if (teamSize() == 1)
    return;
  int phase = team->phase.load(std::memory_order_acquire);
  if (team->arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == team->size) {
    team->arrived.store(0, std::memory_order_relaxed);
    team->phase.store(phase + 1, std::memory_order_release);
    team->phase.notify_all();
    return;
  }
  if (!spin([&] { return team->phase.load(std::memory_order_acquire) != phase; }))
    team->phase.wait(phase, std::memory_order_acquire);
}

int defaultThreads() {
  if (const char *text = std::getenv("OMP_NUM_THREADS"))
    if (int wanted = std::atoi(text); wanted > 0)
      return wanted;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(CPU_COUNT(&set), 1);
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

} // namespace dl::rt
