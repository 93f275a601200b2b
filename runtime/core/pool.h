// The process's threads.
#pragma once

namespace dl::rt {

// Runs body(context) on `threads` threads at once, this one included, and returns when all are done. They are fewer
// when the system gives no more threads, and only this one inside of another team.
void runTeam(int threads, void (*body)(void *), void *context);

// The same for a body that shares out the work itself: a thread that has not begun when this one is done is not waited
// for. On a busy machine that may be long.
void runSharing(int threads, void (*body)(void *), void *context);

// Of the calling thread: how many run with it, and its number among them, 0 for the one that began.
int teamSize();
int teamNumber();

// Waits until all threads of the team are here.
void teamBarrier();

// As many threads as the environment (OMP_NUM_THREADS) or else the machine gives to this process.
int defaultThreads();

} // namespace dl::rt
