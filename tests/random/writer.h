// The generator's state: what is in scope, and what has been written.
#pragma once

#include "tests/random/generator.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dl::testing {

// A size as it is written, and how large it is at least (a shape variable is at least 1).
struct Size {
  std::string text;
  int64_t least; // 0: may be empty
  bool isConst() const { return text[0] >= '0' && text[0] <= '9'; }
  bool operator==(const Size &other) const { return text == other.text; }
};

struct TensorType {
  sema::Elem elem = sema::Elem::F32;
  std::vector<Size> dims;
  bool operator==(const TensorType &other) const = default;
  bool isFloat() const { return sema::isFloat(elem); }
  bool isFilled() const; // never without elements
  TensorType with(sema::Elem other) const { return {other, dims}; }
  TensorType dropped(size_t dim) const;
  std::string text() const; // f32[N, 3]
};

struct Name {
  std::string name;
  TensorType type;
  bool isMutable = false;
  std::optional<Size> below = {}; // an int that is known to lie in 0 … below - 1
};

struct FunctionName {
  enum Kind { Annotated, Elementwise, Mutating, HigherOrder, Module, List, Record } kind = Annotated;
  std::string name;
  std::vector<TensorType> params; // with `N` and `M` for its own shape variables
  TensorType result;
  bool hasResult = true;
  bool givesList = false, changesList = false; // List: the first parameter is a list of what stands there
};

// A list that is never empty.
struct ListName {
  std::string name;
  TensorType item;
  bool isMutable = false;
};

struct RecordName {
  std::string name;
  FunctionName type; // its members and what its methods take are the parameters
  bool isMutable = false;
};

// The shape variables in them.
std::vector<Size> sizesOf(const std::vector<TensorType> &types);

class Writer {
public:
  Writer(uint64_t seed, std::string entry, const GeneratorOptions &options);
  Program program();

private:
  // ---- chance (writer.cpp)
  int pick(int count) { return static_cast<int>(random_() % static_cast<uint64_t>(count)); }
  bool isSmall() const { return options_.size == 0; }
  bool chance(int percent) { return pick(100) < percent; }
  template <class T> const T &any(const std::vector<T> &items) { return items[random_() % items.size()]; }
  std::string fresh(const char *prefix) {
    std::string name = prefix + std::to_string(next_++);
    return name == "i32" || name == "i64" || name == "f32" || name == "f64" ? fresh(prefix) : name; // types
  }

  // ---- declarations (declarations.cpp)
  void declarations();
  void annotatedFunction();
  void elementwiseFunction();
  void recursiveFunction();
  void mutatingFunction();
  void moduleDeclaration();
  void entryPoint();
  void derivativeEntry();
  Argument argumentFor(const TensorType &type);
  std::string parameters(const FunctionName &function, const char *firstPrefix = "");
  void enter(const FunctionName &function);
  TensorType randomType(int maxRank = 2);
  Size randomSize();
  Size filledSize();
  sema::Elem randomElem();

  // ---- statements (statements.cpp)
  void line(const std::string &text) { text_ += std::string(static_cast<size_t>(indent_) * 2, ' ') + text + "\n"; }
  void statements(int count);
  void statement();
  void declare();
  void assign();
  void assignPart();
  void branch();
  void forLoop();
  void whileLoop();
  void rowLoop();
  void leave();
  void mutatingCall();
  void useDeclared();
  void moduleObject();
  void moduleUse();
  void tuples();
  void show();
  void block(const std::function<void()> &content);
  std::string damped(const TensorType &type, const std::string &text);

  // ---- further constructs (constructs.cpp)
  void list();
  void texts();
  void moduleList();
  void closure();
  void claim();
  void derivativeRule();
  void derivativeOf();
  void derivativeOfParts();
  std::string capturing(const std::vector<Name> &names);

  // ---- lists and functions (lists.cpp)
  void listFunction();
  std::string listExpr(const TensorType &item);
  void changeList(const ListName &list);
  void listCall();
  void newList();
  void nameList(const ListName &list);
  void listUse();

  // ---- records (records.cpp)
  void recordDeclaration();
  void recordFunctions(const FunctionName &record);
  void nameRecord(const std::string &name, const FunctionName &record, bool isMutable);
  std::string newRecord(const FunctionName &record);
  void changeRecord(const std::string &name, const FunctionName &record);
  void recordUse();

  // ---- choices (choices.cpp)
  std::string inScope(const std::vector<Name> &names, const std::function<std::string()> &write);
  std::string matchExpr(const TensorType &type, int depth);
  void match();
  std::string membership(int depth); // a scalar bool

  // ---- sums (sums.cpp)
  std::string comprehension(const TensorType &type, int depth);
  std::string gathered(const TensorType &type, int depth); // of a scalar type
  std::string einsum(const TensorType &type, int depth);   // empty: nothing fits

  // ---- indexing (indexing.cpp); empty: nothing fits
  std::string placesIn(const Size &size, const std::vector<Size> &dims, int depth);
  std::string argument(const TensorType &type, int depth);
  std::string indexed(const TensorType &type, int depth);
  std::string rearranged(const TensorType &type, int depth);
  std::string windowed(const TensorType &type, int depth);

  // ---- expressions (expressions.cpp)
  std::string expr(const TensorType &type, int depth);
  std::string floatExpr(const TensorType &type, int depth);
  std::string integerExpr(const TensorType &type, int depth);
  std::string boolExpr(const TensorType &type, int depth);
  std::string shapedExpr(const TensorType &type, int depth); // of any element type; empty: nothing fits
  std::string reduced(const TensorType &type, int depth);
  std::string leaf(const TensorType &type);
  std::string constant(const TensorType &type);
  std::string literal(sema::Elem elem, bool suffix);
  std::string variableOf(const TensorType &type);         // empty: none
  std::string operand(const TensorType &type, int depth); // of the type, or of one that broadcasts to it
  std::string call(const TensorType &type, int depth);    // empty: none fits
  std::string conditional(const TensorType &type, int depth);
  std::string index(const Size &size); // an int in range
  std::string scalarBool(int depth) { return boolExpr({sema::Elem::Bool, {}}, depth); }
  std::string number(int depth) { return integerExpr({sema::Elem::I64, {}}, depth); }
  // Binds the shape variables of a callee so that it gives `wanted`; sizes for the others are chosen.
  std::optional<std::vector<TensorType>> bound(const FunctionName &function, const TensorType &wanted);
  std::string shapeText(const TensorType &type);

  std::mt19937_64 random_;
  std::string entry_;
  GeneratorOptions options_;
  std::string text_;
  int next_ = 0, indent_ = 0, loops_ = 0, depth_ = 0, budget_ = 0;
  std::vector<Name> scope_;
  std::vector<sema::Elem> elems_; // of this program
  std::vector<Size> constants_;   // sizes that it uses
  std::vector<Size> sizes_;       // that may be written here
  std::vector<FunctionName> functions_;
  std::vector<ListName> lists_;
  std::vector<RecordName> records_;
  bool ownFunctions_ = true;                                  // of records may be called
  std::vector<std::pair<std::string, FunctionName>> objects_; // variables that hold modules
  std::optional<TensorType> returns_;                         // what `return` must give here
  Program program_;
};

} // namespace dl::testing
