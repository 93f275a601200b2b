// What earlier entries of a session computed from params, kept so that a later `backward` reaches back over them: the
// entry's code with the values that it was given. A later entry that differentiates runs it again, with the random
// numbers that it drew then and without its other effects.
#pragma once

#include "compiler/sema/session.h"
#include "compiler/sema/values.h"

namespace dl::sema {

class History {
public:
  // Where the value of a variable lies now, by a name that no other value of the session has.
  std::string slotOf(const Binding *binding) const;
  // A name for the next value of a variable.
  std::string nextSlot(const std::string &name) { return name + "@" + std::to_string(++slots_); }

  // The entry that has just been checked reads what earlier ones computed from params: when it differentiates, they
  // are put in front of it. Values that they need become inputs. `parameters` are the bindings of main's parameters.
  void reachBack(Checker &checker, Function &main, const std::vector<Binding *> &parameters,
                 std::vector<Session::Slot> &inputs);
  // The entry has run: `outputs` are what it gave, in `slots`.
  void record(Checker &checker, Function &main, const std::vector<Binding *> &parameters,
              const std::vector<Session::Slot> &inputs, const std::vector<Binding *> &outputs,
              const std::vector<Session::Slot> &slots, const Session::RandomState &random,
              const std::vector<Binding *> &alive);
  // The slots whose values later entries may ask for.
  std::set<std::string> live(const std::vector<Binding *> &alive) const;

private:
  struct Entry {
    Function *main;
    std::vector<Binding *> inputs; // of main's parameters; null where they hold older values
    std::vector<std::string> slots;
    Session::RandomState random;
  };
  struct Source {
    int entry;
    uint32_t index;
  };
  Value replayed(Checker &checker, const std::map<int, Variable *> &replays, const Source &source) const;
  void need(int entry, std::set<int> &out) const;
  // The value with the tokens of another one of its type: params are told apart by them.
  static Value withTokens(Checker &checker, const Value &value, const Value &from);

  uint32_t slots_ = 0;
  int entries_ = 0;
  std::map<int, Entry> kept_;
  std::map<std::string, Source> sources_;          // of slots that were computed from params
  std::map<const Binding *, std::string> current_; // slots
  std::map<const Binding *, Source> tokens_;       // the entry that made a variable's params
};

} // namespace dl::sema
