// How much of the calling thread's stack is left.
#pragma once

namespace dl::rt {

// True when so little is left that a further call of a user's function might not fit.
bool stackIsNearlyFull();

} // namespace dl::rt
