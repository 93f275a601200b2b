// The types of dl as the checker knows them, with symbolic sizes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dl::sema {

// ------------------------------------------------------------------------------------------------------ sizes
// A size: an integer polynomial over atoms, in normal form. Atoms are symbols (`N`) and opaque applications of
// floor division, modulus, min and max to sizes. Value type; cheap to copy (shared, immutable).
class Dim {
public:
  struct Term; // coefficient and sorted atoms
  struct Atom;
  enum class AtomKind { Symbol, FloorDiv, Mod, Min, Max };

  Dim() : Dim(int64_t(0)) {}
  Dim(int64_t value);
  // A new symbol, different from every other. `name` is what messages call it. Sizes are never negative; an `int` may
  // be.
  static Dim fresh(std::string name, bool nonNegative = true);
  // A new symbol of which lower <= it <= upper is known, as of a loop's variable inside the loop.
  static Dim between(std::string name, const Dim &lower, const Dim &upper);
  // The one size that stands for "another in each element" of a list, and for a length that is no part of the type.
  // It has no value: a read gives a new symbol in its place.
  static const Dim &open();
  bool isOpen() const;

  bool isConst() const;
  int64_t constant() const;  // precondition: isConst()
  bool isSymbol() const;     // exactly one symbol, coefficient 1
  uint32_t symbolId() const; // precondition: isSymbol()
  std::string str() const;   // `2 * N + 1`

  friend Dim operator+(const Dim &, const Dim &);
  friend Dim operator-(const Dim &, const Dim &);
  friend Dim operator*(const Dim &, const Dim &);
  static Dim floorDiv(const Dim &, const Dim &);
  static Dim mod(const Dim &, const Dim &);
  static Dim min(const Dim &, const Dim &);
  static Dim max(const Dim &, const Dim &);
  bool operator==(const Dim &) const; // same normal form: provably equal

  // Structure, for substitution and for code generation.
  const std::vector<Term> &terms() const; // sum of terms; empty for 0
  std::vector<uint32_t> symbols() const;  // all symbol ids inside, each once, in order of appearance
  std::string symbolName() const;         // precondition: isSymbol()
  bool nonNegative() const;               // provably >= 0
  // The size with every symbol replaced by what `replace` gives for (id, name); a null result keeps the symbol.
  Dim substitute(const std::function<std::optional<Dim>(uint32_t)> &replace) const;
  // A text that is the same for equal sizes and different for others; symbols by id, or by what `name` gives.
  std::string key(const std::function<std::string(uint32_t)> &name = nullptr) const;

private:
  struct Node;
  explicit Dim(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  static Dim fromTerms(std::vector<Term> terms);
  static Dim opaque(AtomKind kind, const Dim &a, const Dim &b);
  bool provablyNonNegative(int depth) const;
  std::shared_ptr<const Node> node_;
};

struct Dim::Atom {
  AtomKind kind;
  uint32_t symbol = 0;                     // Symbol
  std::string name;                        // Symbol
  bool nonNegative = true;                 // Symbol
  std::shared_ptr<const Dim> lhs, rhs;     // the others
  std::shared_ptr<const Dim> lower, upper; // Symbol: bounds, both or none
};
struct Dim::Term {
  int64_t coefficient;
  std::vector<Atom> atoms; // a product; powers are repeated
};

enum class Proof { Equal, Different, Unknown }; // Different: can never be equal, sizes being >= 0
Proof compare(const Dim &a, const Dim &b);

// ------------------------------------------------------------------------------------------------------ types
enum class Elem : uint8_t { F32, F64, BF16, I32, I64, U8, Bool };
std::string_view elemName(Elem e);
bool isFloat(Elem e);
bool isInteger(Elem e); // i32, i64, u8

struct TypeNode;
using Type = std::shared_ptr<const TypeNode>;

enum class TypeKind {
  Unit,   // no value
  None,   // `none`
  Tensor, // rank 0 is a scalar; `int` is i64
  Str,
  Tuple,
  Record,    // named members: gradients of modules
  List,      // dims[0] elements of one type, items[0]
  Module,    // an instance of a module declaration with its hyper-parameters
  Function,  // known when compiled: no run-time representation but what it captures
  ElemType,  // f32 passed as a value
  Module_,   // an imported file used as a name space
  Generator, // reserved
};

struct ModuleInstance; // typed.h
struct FunctionValue;  // typed.h

struct TypeNode {
  TypeKind kind;
  Elem elem = Elem::F32;                         // Tensor, ElemType
  std::vector<Dim> dims;                         // Tensor; List: the length
  std::vector<Type> items;                       // Tuple, Record; List: of an element
  std::vector<std::string> names;                // Record
  std::shared_ptr<const ModuleInstance> module;  // Module
  std::shared_ptr<const FunctionValue> function; // Function
};

Type unitType();
Type noneType();
Type strType();
Type tensorType(Elem elem, std::vector<Dim> dims);
Type scalarType(Elem elem);
Type tupleType(std::vector<Type> items);
Type recordType(std::vector<std::string> names, std::vector<Type> items);
Type listType(Dim length, Type item);
Type elemType(Elem elem);
Type moduleType(std::shared_ptr<const ModuleInstance> module);
Type functionType(std::shared_ptr<const FunctionValue> function);

bool isScalar(const Type &t);
bool isTensor(const Type &t); // rank >= 1
bool isInt(const Type &t);    // an i64 scalar
bool isList(const Type &t);
// A tensor whose first size differs from element to element of a list.
bool isRagged(const Type &t);

// A direct part of a value as it is stored.
struct Part {
  std::string name;
  Type type;
  std::optional<Dim> dim;
};
// The parts of a tuple, record, module, function or list, in the order in which they are flattened. A list of tensors
// is one tensor with the length in front; of values of several parts, a list of each part; of texts, lists or tensors
// of differing size, all of them one after another and where each ends (i64[length]).
std::vector<Part> storedParts(const Type &type);
bool sameType(const Type &a, const Type &b); // provably: sizes by normal form
// The type with the sizes in it replaced, inside modules and captured values too.
Type substitute(const Type &t, const std::function<std::optional<Dim>(uint32_t)> &replace);
Type mapDims(const Type &t, const std::function<Dim(const Dim &)> &map);
// Calls `visit` for every size in the type, in order.
void forEachDim(const Type &t, const std::function<void(const Dim &)> &visit);
// Whether the type has more than `limit` parts; shared parts count as often as they occur.
bool isLargerThan(const Type &t, size_t limit);
// A text that is the same for equal types; `dimKey` gives the text of a size.
std::string typeKey(const Type &t, const std::function<std::string(const Dim &)> &dimKey);
std::optional<Elem> elemNamed(std::string_view name);
std::string str(const Type &t); // as the user writes it: f32[64, 784], (f32, i64[N]), Linear(784, 256)

} // namespace dl::sema
