// The parts of modules, tuples and records, and which of them hold parameters and state.
#pragma once

#include "compiler/sema/values.h"

namespace dl::sema {

struct NamedPart {
  uint32_t index;
  std::string name;
  Type type;
};
// What a list has in each place; any other type itself.
inline const Type &elementOf(const Type &type) { return isList(type) ? type->items[0] : type; }
// The direct parts of a module (its fields), tuple or record; none of anything else.
std::vector<NamedPart> partsOfTree(const Type &type);
// The part of that name, of a tuple by its number.
std::optional<uint32_t> partNamed(const Type &type, const std::string &name);

// The field that holds what a module's `*layers` parameter took, if it has such a parameter; its items are the module's
// own to the user: `m[0]`, `0.weight`.
const std::string *packName(const ModuleInstance &module);

// Whether a value has nothing that must be kept when the program runs.
bool isCompileTime(const Type &type, const Known &known);

bool holdsModule(const Type &type);
bool holdsFloat(const Type &type); // a float tensor, in any part

enum class ParamSet { Trained, All }; // All: those with requires_grad_(false) too
// Where a value stands: at the top of a tree every tensor counts; inside a module's `param` member too; elsewhere only
// modules.
enum class TreePlace { Top, Param, Plain };

struct ParamPart : NamedPart {
  TreePlace place;
};
// The direct parts that hold parameters.
std::vector<ParamPart> paramParts(const Type &type, TreePlace place, ParamSet set);

// A tensor or scalar that a state_dict holds.
// From a value to one inside: parts, elements of lists, and a part of all the elements of a list, as the list stores
// it.
struct StateStep {
  uint32_t index;
  bool isItem = false;
  bool operator==(const StateStep &) const = default;
};
using StatePath = std::vector<StateStep>;
struct StateEntry {
  std::string name; // PyTorch's: "fc1.weight", "layers.0.bias"
  StatePath path;   // from the whole value
  Type type;
  bool isParam = false, frozen = false;
  bool tied = false; // shares the storage of the entry with the same path
  // One for all the elements of a list whose length only the running program knows: the name has a `*` for the number
  // of the element, the tensor the elements along its first dimension.
  bool each = false;
};
std::vector<StateEntry> stateOf(const Type &type);

// "Linear(784, 256)": the declaration's name with the hyper-parameters that tell instances apart.
std::string moduleTitle(const ModuleInstance &module);

// The type with another type for one part, or nothing when the part's kind stands for something else (a `param` keeps
// its type).
Type withPartType(const Type &type, uint32_t index, const Type &part);
// What differs: "`m.fc2` becomes Linear(3, 9), it was Linear(3, 2)". Precondition: the types differ.
std::string typeChange(const Type &from, const Type &to, const std::string &name);
// The type with every parameter in it frozen or not.
Type withFrozen(const Type &type, bool frozen);

} // namespace dl::sema
