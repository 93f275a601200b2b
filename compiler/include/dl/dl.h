// Compiles dl programs inside a C++ host and calls their functions.
//
//   dl::Engine engine;
//   auto module = engine.compile("export fn twice(x: f32[N]) -> f32[N] = 2.0 * x");
//   auto y = module->function("twice")(dl::Tensor::borrow(samples, {count}));
//
// Nothing throws, aborts or exits: what can fail gives a Result. Handles are cheap to copy and share what they stand
// for; a Module and its Functions stay valid after their Engine is gone. Engines are independent of each other: use one
// per thread, or one behind a lock. A compiled Function may be called from several threads at once.
#pragma once

#include "dl/result.h"
#include "dl/tensor.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#if defined(DL_BUILDING_LIBRARY)
#define DL_API __attribute__((visibility("default")))
#else
#define DL_API
#endif

namespace dl {

struct ModuleCode; // the library's own

// One parameter or result of a compiled function. Tuples, records and modules appear as their parts, in order.
struct Slot {
  std::string name; // "x", "model.fc1.weight"; results of a tuple are "0", "1", …
  std::string type; // as in dl: "f32[N, 784]"
  DType dtype = DType::f32;
  bool isString = false;
  std::vector<int64_t> shape; // a number, or -1 where the size is not fixed; empty for a scalar
};

template <class Signature> class TypedFunction;

// An `export fn` of a compiled program.
class DL_API Function {
public:
  // A function that is not there: calling it gives `error`.
  explicit Function(Error error);
  Function(std::shared_ptr<const ModuleCode> code, size_t index);

  bool valid() const { return code != nullptr; }
  std::string_view name() const;
  const std::vector<Slot> &parameters() const;
  // The results, and after them the final values of `mut` parameters.
  const std::vector<Slot> &results() const;

  // Runs the function. Element types and shapes of the arguments are checked. Arguments are read in place, never
  // copied.
  Result<std::vector<Tensor>> call(const Tensor *arguments, size_t count) const;

  template <class... T> Result<std::vector<Tensor>> operator()(const T &...arguments) const {
    const Tensor list[sizeof...(T) + 1] = {Tensor(arguments)...};
    return call(list, sizeof...(T));
  }
  Result<std::vector<Tensor>> operator()(const std::vector<Tensor> &arguments) const {
    return call(arguments.data(), arguments.size());
  }

private:
  friend class Module;
  friend class Engine;
  std::shared_ptr<const ModuleCode> code;
  size_t index = 0;
  Error missing;
};

// A compiled program.
class DL_API Module {
public:
  explicit Module(std::shared_ptr<const ModuleCode> code) : code(std::move(code)) {}

  std::vector<std::string> functionNames() const;
  // The export function of that name; one whose calls fail when there is none.
  Function function(std::string_view name) const;

  // The same with C++ types, which are compared with the function's own once, here:
  //   auto f = module.get<float(float, dl::Tensor)>("f");   auto y = (*f)(1.0f, x);   // Result<float>
  // A result std::tuple<A, B> takes a function that gives two values; void one that gives none.
  template <class Signature> Result<TypedFunction<Signature>> get(std::string_view name) const;

  // Runs the statements of the script from first to last, as `dl run` does.
  Result<std::monostate> run() const;

private:
  friend class Engine;
  std::shared_ptr<const ModuleCode> code;
};

struct EngineOptions {
  bool optimise = true;
  bool fuse = true; // merge elementwise operations into one loop
  int threads = 0;  // for the whole process; 0 leaves the number as it is
};

class DL_API Engine {
public:
  explicit Engine(EngineOptions options = {}) : options(options) {}

  // `name` is what messages call the text; `import` looks beside the file of that name.
  Result<Module> compile(std::string_view text, std::string_view name = "program.dl") const;
  Result<Module> compileFile(const std::string &path) const;

  // The gradient of a scalar function of the module's source with respect to its parameters with the numbers `wrt`:
  // a function of the same parameters whose results are the value and then the gradients, those of tuples
  // flattened. The function need not be exported or declare its result, but its parameters must have types.
  Result<Function> grad(const Module &module, std::string_view function, std::vector<int> wrt = {0}) const;

private:
  EngineOptions options;
};

// ------------------------------------------------------------------------------------------------- implementation
namespace detail {

template <class T> inline constexpr bool isScalar = std::is_arithmetic_v<T>;

// Whether a value of C++ type T stands for the slot; otherwise what it would have to be.
template <class T> bool fits(const Slot &slot) {
  if constexpr (std::is_same_v<T, Tensor>)
    return true;
  else if constexpr (std::is_same_v<T, std::string>)
    return slot.isString;
  else
    return !slot.isString && slot.shape.empty() && slot.dtype == dtypeOf<T>();
}

template <class T> T take(const Tensor &tensor) {
  if constexpr (std::is_same_v<T, Tensor>)
    return tensor;
  else if constexpr (std::is_same_v<T, std::string>)
    return tensor.text();
  else
    return *tensor.data<T>();
}

template <class T> Tensor wrap(const T &value) {
  if constexpr (std::is_same_v<T, std::string>)
    return Tensor::string(value);
  else
    return Tensor(value);
}

// The results of a C++ signature as a list of types.
template <class R> struct Results {
  static bool fit(const std::vector<Slot> &slots) { return slots.size() == 1 && fits<R>(slots[0]); }
  using Value = R;
  static R make(const std::vector<Tensor> &tensors) { return take<R>(tensors[0]); }
};
template <> struct Results<void> {
  static bool fit(const std::vector<Slot> &slots) { return slots.empty(); }
  using Value = std::monostate;
  static Value make(const std::vector<Tensor> &) { return {}; }
};
template <class... R> struct Results<std::tuple<R...>> {
  static bool fit(const std::vector<Slot> &slots) {
    if (slots.size() != sizeof...(R))
      return false;
    size_t i = 0;
    return (fits<R>(slots[i++]) && ...);
  }
  using Value = std::tuple<R...>;
  static Value make(const std::vector<Tensor> &tensors) {
    size_t i = 0;
    return Value{take<R>(tensors[i++])...};
  }
};

DL_API Error signatureError(const Function &function);

} // namespace detail

template <class R, class... A> class TypedFunction<R(A...)> {
public:
  using Value = typename detail::Results<R>::Value;

  explicit TypedFunction(Function function) : function(std::move(function)) {}

  Result<Value> operator()(const A &...arguments) const {
    const Tensor list[sizeof...(A) + 1] = {detail::wrap<A>(arguments)...};
    Result<std::vector<Tensor>> results = function.call(list, sizeof...(A));
    if (!results)
      return results.error();
    return detail::Results<R>::make(*results);
  }

  static bool fits(const Function &function) {
    const std::vector<Slot> &slots = function.parameters();
    if (slots.size() != sizeof...(A))
      return false;
    size_t i = 0;
    return (detail::fits<A>(slots[i++]) && ...) && detail::Results<R>::fit(function.results());
  }

private:
  Function function;
};

template <class Signature> Result<TypedFunction<Signature>> Module::get(std::string_view name) const {
  Function found = function(name);
  if (!found.valid())
    return found.missing;
  if (!TypedFunction<Signature>::fits(found))
    return detail::signatureError(found);
  return TypedFunction<Signature>(std::move(found));
}

} // namespace dl
