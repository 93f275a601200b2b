// An interactive program: entries are compiled and run one at a time, and what they define stays.
#pragma once

#include "compiler/driver/derivative.h"
#include "compiler/driver/settings.h"

#include <memory>
#include <string>
#include <vector>

namespace dl::driver {

// What the members below write on success goes to stdout; errors go to stderr, and then the session is as if nothing
// had been asked (but for what a program printed). Each returns whether all went well.
class Session {
public:
  explicit Session(const Settings &settings);
  ~Session();

  // Compiles and runs an entry; the value of an expression is printed.
  bool enter(const std::string &text);
  // The same, and what it took.
  bool time(const std::string &text);
  // Enters all of a file at once; its imports are looked for beside it.
  bool load(const std::string &path);
  // Writes script() to a file.
  bool save(const std::string &path);

  // The type of an expression, which is not run; the declaration of a function or module.
  bool type(const std::string &text);
  // The derivative of a function as dl source.
  bool grad(const DerivativeWish &wish);
  // A function or an entry, which is not run, in one of the forms of `dl compile --emit` from the dialect on.
  bool ir(const std::string &text, const std::string &stage);

  // Every name that may be used now.
  std::vector<std::string> names() const;
  // The entries that worked, as a script. Where one defines a function or module anew, the last one counts.
  std::string script() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace dl::driver
