// How much stack the calling thread has, and a larger one for user programs.
#pragma once

namespace dl::rt {

// True when so little is left that a further call of a user's function might not fit.
bool stackIsNearlyFull();
[[noreturn]] void failForStack(const char *function);

// Runs body(context) on a stack that is large enough for deep recursion. It belongs to the calling thread, which makes
// it once; where the system gives none, or in a build that watches the stack, `body` runs on the stack as it is. `body`
// must not leave by longjmp or an exception.
void runOnLargeStack(void (*body)(void *), void *context);

} // namespace dl::rt
