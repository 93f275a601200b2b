// An interactive program: entries are compiled and run one at a time, and what they define stays.
#pragma once

#include "compiler/driver/settings.h"

#include <memory>
#include <string>
#include <vector>

namespace dl::driver {

class Session {
public:
  explicit Session(const Settings &settings);
  ~Session();

  // Compiles and runs an entry; the value of an expression is printed. Errors go to stderr, and then the session is as if
  // the entry had not been made (but for what it printed). Returns whether all went well.
  bool enter(const std::string &text);

  // Every name that may be used now.
  std::vector<std::string> names() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace dl::driver
