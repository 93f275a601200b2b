// The threads: teams that meet at barriers, loops that share work, several hosts at once.
#include "runtime/core/openmp.h"
#include "runtime/core/pool.h"
#include "runtime/core/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace dl::rt;

TEST(Pool, EachMemberOfATeamRunsOnce) {
  for (int threads : {1, 2, 5, 3}) {
    struct Seen {
      std::atomic<int> count[8]{};
      std::atomic<int> size{0};
    } seen;
    runTeam(
        threads,
        [](void *context) {
          auto *s = static_cast<Seen *>(context);
          ++s->count[teamNumber()];
          s->size = teamSize();
        },
        &seen);
    EXPECT_EQ(seen.size, threads);
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(seen.count[i], i < threads ? 1 : 0);
    EXPECT_EQ(teamSize(), 1);
  }
}

TEST(Pool, NobodyPassesABarrierAlone) {
  struct State {
    std::atomic<int> arrived{0};
    std::atomic<bool> early{false};
  } state;
  runTeam(
      4,
      [](void *context) {
        auto *s = static_cast<State *>(context);
        for (int round = 1; round <= 200; ++round) {
          ++s->arrived;
          teamBarrier();
          if (s->arrived < 4 * round)
            s->early = true;
          teamBarrier();
        }
      },
      &state);
  EXPECT_EQ(state.arrived, 800);
  EXPECT_FALSE(state.early);
}

TEST(Pool, InsideATeamOneThreadIsAlone) {
  std::atomic<int> inner{0};
  runTeam(
      3,
      [](void *context) {
        runTeam(
            3,
            [](void *context) {
              EXPECT_EQ(teamSize(), 1);
              EXPECT_EQ(teamNumber(), 0);
              ++*static_cast<std::atomic<int> *>(context);
            },
            context);
        EXPECT_EQ(teamSize(), 3);
      },
      &inner);
  EXPECT_EQ(inner, 3);
}

// Many short jobs from several threads of a host: they must neither mix nor wait for each other.
TEST(Pool, SeveralHostsAtOnce) {
  std::vector<std::thread> hosts;
  for (int h = 0; h < 4; ++h)
    hosts.emplace_back([h] {
      for (int i = 0; i < 2000; ++i) {
        std::atomic<int> ran{0};
        auto body = [](void *context) { ++*static_cast<std::atomic<int> *>(context); };
        if ((i + h) % 2) {
          runTeam(3, body, &ran);
          ASSERT_EQ(ran, 3);
        } else {
          runSharing(3, body, &ran);
          ASSERT_GE(ran, 1);
          ASSERT_LE(ran, 3);
        }
      }
    });
  for (std::thread &host : hosts)
    host.join();
}

// Loops and oneDNN's teams on these threads; the loop's chunks cover each number once.
TEST(Pool, LoopsRunOnIt) {
  dl_use_own_threads();
  dl_set_num_threads(4);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::atomic<int>> marks(1000);
    parallelFor(0, 1000, 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        ++marks[static_cast<size_t>(k)];
    });
    for (auto &mark : marks)
      ASSERT_EQ(mark, 1);
  }
  EXPECT_EQ(useThreadsForOneDnn(2), 2);
  EXPECT_EQ(oneDnnThreads(), 2);
  std::atomic<int> asked{0};
  parallelFor(0, 2, 1, [&](int64_t, int64_t) { asked = useThreadsForOneDnn(4); });
  EXPECT_EQ(asked, 1);
}
