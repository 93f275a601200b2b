// Functions, modules, the entry point.
#include "tests/random/writer.h"

#include <algorithm>

namespace dl::testing {

using sema::Elem;

std::string TensorType::text() const {
  std::string text(sema::elemName(elem));
  if (dims.empty())
    return elem == Elem::I64 ? "int" : text;
  for (size_t d = 0; d < dims.size(); ++d)
    text += (d ? ", " : "[") + dims[d].text;
  return text + "]";
}

bool TensorType::isFilled() const {
  return std::all_of(dims.begin(), dims.end(), [](const Size &size) { return size.least > 0; });
}

TensorType TensorType::dropped(size_t dim) const {
  TensorType type = *this;
  type.dims.erase(type.dims.begin() + static_cast<ptrdiff_t>(dim));
  return type;
}

Program generateProgram(uint64_t seed, const std::string &entry, const GeneratorOptions &options) {
  return Writer(seed, entry, options).program();
}

Writer::Writer(uint64_t seed, std::string entry, const GeneratorOptions &options)
    : random_(seed * 2 + options.differentiable), entry_(std::move(entry)), options_(options) {
  program_.seed = seed;
  program_.entry = entry_;
  // Few types and sizes in one program, so that what is computed fits elsewhere.
  static const std::vector<Elem> floats = {Elem::F32, Elem::F32, Elem::F64};
  static const std::vector<Elem> others = {Elem::I64, Elem::I64, Elem::Bool, Elem::F32,
                                           Elem::F64, Elem::I32, Elem::U8,   Elem::BF16};
  elems_ = {any(floats), any(floats), any(others), any(others)};
  if (options.differentiable)
    elems_ = {Elem::F64};
  if (isSmall())
    elems_.resize(std::min<size_t>(elems_.size(), 3));
  for (int i = isSmall(); i < 2; ++i) {
    int64_t size = 1 + pick(4);
    constants_.push_back({std::to_string(size), size});
  }
  // Long enough for whole vectors and what is left of them; small sizes leave no more than that.
  if (chance(12)) {
    int64_t size = 5 + pick(options.differentiable ? 15 : 36);
    constants_.back() = {std::to_string(size), size};
  }
}

Program Writer::program() {
  declarations();
  if (options_.differentiable)
    derivativeEntry();
  else
    entryPoint();
  program_.text = text_;
  return program_;
}

Elem Writer::randomElem() { return any(elems_); }

Size Writer::randomSize() { return !sizes_.empty() && chance(50) ? any(sizes_) : any(constants_); }

Size Writer::filledSize() {
  Size size = randomSize();
  return size.least > 0 ? size : any(constants_);
}

TensorType Writer::randomType(int maxRank) {
  TensorType type{randomElem(), {}};
  for (int rank = pick(maxRank + 1); rank > 0; --rank)
    type.dims.push_back(randomSize());
  return type;
}

std::string Writer::parameters(const FunctionName &function, const char *firstPrefix) {
  std::string text;
  for (size_t i = 0; i < function.params.size(); ++i)
    text += (i ? ", " : firstPrefix) + std::string(1, static_cast<char>('a' + i)) + ": " + function.params[i].text();
  return text;
}

void Writer::enter(const FunctionName &function) {
  scope_.clear();
  objects_.clear();
  lists_.clear();
  records_.clear();
  for (size_t i = 0; i < function.params.size(); ++i)
    scope_.push_back({std::string(1, static_cast<char>('a' + i)), function.params[i]});
}

void Writer::declarations() {
  int count = isSmall() ? pick(2) : pick(3 + options_.size);
  for (int i = 0; i < count; ++i) {
    budget_ = isSmall() ? 8 : 30;
    switch (pick(13)) {
    case 0:
    case 1:
    case 2:
      annotatedFunction();
      break;
    case 3:
    case 4:
      elementwiseFunction();
      break;
    case 5:
      recursiveFunction();
      break;
    case 6:
      mutatingFunction();
      break;
    case 7:
      derivativeRule();
      break;
    case 9:
    case 10:
      listFunction();
      break;
    case 11:
    case 12:
      recordDeclaration();
      break;
    default:
      moduleDeclaration();
      break;
    }
    scope_.clear();
    lists_.clear();
    records_.clear();
    sizes_.clear();
    returns_.reset();
  }
}

// Sizes that the parameters leave open are those that a caller chooses.
std::vector<Size> sizesOf(const std::vector<TensorType> &types) {
  std::vector<Size> sizes;
  for (const TensorType &type : types)
    for (const Size &size : type.dims)
      if (!size.isConst() && std::find(sizes.begin(), sizes.end(), size) == sizes.end())
        sizes.push_back(size);
  return sizes;
}

void Writer::annotatedFunction() {
  FunctionName function{FunctionName::Annotated, entry_ + fresh("_f"), {}, {}};
  sizes_ = {{"N", 1}, {"M", 1}};
  for (int i = 1 + pick(3); i > 0; --i)
    function.params.push_back(randomType());
  sizes_ = sizesOf(function.params);
  function.result = randomType();
  enter(function);
  std::string head = "fn " + function.name + "(" + parameters(function) + ") -> " + function.result.text();
  if (chance(30)) {
    line(head + " = " + expr(function.result, 3));
  } else {
    line(head + " {");
    returns_ = function.result;
    block([&] {
      statements(isSmall() ? 1 : 1 + pick(2 + options_.size));
      line(expr(function.result, 2));
    });
    line("}");
  }
  functions_.push_back(function);
}

// Without types: for floats of any shape.
void Writer::elementwiseFunction() {
  if (chance(30)) {
    FunctionName function{FunctionName::HigherOrder, entry_ + fresh("_h"), {}, {}};
    static const std::vector<std::string> bodies = {"f(f(x))", "f(x) + x", "f(x * 0.5) * f(x)",
                                                    "{ var y = f(x); y += x; y }"};
    line("fn " + function.name + "(f, x) = " + any(bodies));
    functions_.push_back(function);
    return;
  }
  FunctionName function{FunctionName::Elementwise, entry_ + fresh("_g"), {}, {}};
  function.params.resize(static_cast<size_t>(1 + pick(3)));
  // Scalars of a type without a name: only what works on every shape is written for them.
  std::vector<std::string> names;
  std::string list;
  for (size_t i = 0; i < function.params.size(); ++i) {
    names.emplace_back(1, static_cast<char>('a' + i));
    list += (i ? ", " : "") + names.back();
  }
  std::function<std::string(int)> write = [&](int depth) -> std::string {
    if (depth == 0)
      return any(names);
    static const std::vector<std::string> unary = {"sin(", "tanh(", "sigmoid(", "cos(", "square(", "-("};
    switch (pick(6)) {
    case 0:
      return any(unary) + write(depth - 1) + ")";
    case 1:
      return "(" + write(depth - 1) + " + " + write(depth - 1) + ")";
    case 2:
      return "(" + write(depth - 1) + " * " + (pick(2) ? literal(Elem::F32, false) : write(depth - 1)) + ")";
    case 3:
      return "(" + write(depth - 1) + " - " + write(depth - 1) + ")";
    case 4:
      return "where(" + write(depth - 1) + " > 0.2713, " + write(depth - 1) + ", " + write(depth - 1) + ")";
    default:
      return "(" + write(depth - 1) + " / (square(" + write(depth - 1) + ") + 1.0))";
    }
  };
  if (chance(50)) {
    line("fn " + function.name + "(" + list + ") = " + write(3));
  } else {
    line("fn " + function.name + "(" + list + ") {");
    line("  var r = " + write(2));
    line("  for i in 0.." + std::to_string(1 + pick(3)) + " {");
    line("    r = tanh(r) * " + write(1) + " + " + write(1));
    line("  }");
    line("  r");
    line("}");
  }
  functions_.push_back(function);
}

void Writer::recursiveFunction() {
  FunctionName function{FunctionName::Annotated, entry_ + fresh("_r"), {}, {}};
  sizes_ = {{"N", 1}, {"M", 1}};
  function.result = randomType();
  if (function.result.elem == Elem::BF16 || function.result.elem == Elem::Bool)
    function.result.elem = Elem::F32;
  function.params = {function.result};
  if (chance(50))
    function.params.push_back(randomType());
  sizes_ = sizesOf(function.params);
  enter(function);
  scope_.push_back({"n", {Elem::I64, {}}});
  line("fn " + function.name + "_n(n: int, " + parameters(function) + ") -> " + function.result.text() + " {");
  block([&] {
    static const std::vector<std::string> ends = {"if n <= 0 { return a }", "if n < 1 { return a * 2 }",
                                                  "if not (n > 0) { return a }"};
    std::string end = any(ends);
    if (function.result.isFloat() && end.find("* 2") != std::string::npos)
      end.replace(end.find("* 2"), 3, "* 0.5");
    line(end);
    std::string again = "r" + std::to_string(next_++);
    line("let " + again + " = " + function.name + "_n(n - 1, " + damped(function.result, expr(function.result, 2)) +
         (function.params.size() > 1 ? ", b)" : ")"));
    scope_.push_back({again, function.result});
    if (chance(25))
      line("if n % 2 == 0 { return " + function.name + "_n(n - 2, " + again +
           (function.params.size() > 1 ? ", b)" : ")") + " }");
    line(expr(function.result, 1));
  });
  line("}");
  line("fn " + function.name + "(" + parameters(function) + ") -> " + function.result.text() + " = " + function.name +
       "_n(" + std::to_string(1 + pick(5)) + ", a" + (function.params.size() > 1 ? ", b)" : ")"));
  functions_.push_back(function);
}

void Writer::mutatingFunction() {
  FunctionName function{FunctionName::Mutating, entry_ + fresh("_m"), {}, {}};
  sizes_ = {{"N", 1}, {"M", 1}};
  for (int i = 1 + pick(3); i > 0; --i)
    function.params.push_back(randomType());
  if (function.params[0].dims.empty())
    function.params[0].dims.push_back({"N", 1});
  sizes_ = sizesOf(function.params);
  function.hasResult = chance(50);
  function.result = randomType();
  enter(function);
  scope_[0].isMutable = true;
  line("fn " + function.name + "(" + parameters(function, "mut ") + ")" +
       (function.hasResult ? " -> " + function.result.text() : "") + " {");
  if (function.hasResult)
    returns_ = function.result;
  block([&] {
    assignPart();
    statements(1 + pick(2));
    if (function.hasResult)
      line(expr(function.result, 2));
    else
      assign();
  });
  line("}");
  functions_.push_back(function);
}

// The constructor takes the size of its vectors.
void Writer::moduleDeclaration() {
  FunctionName function{FunctionName::Module, entry_ + fresh("_M"), {}, {}};
  Elem elem = options_.differentiable || chance(20) ? Elem::F64 : Elem::F32;
  sizes_ = {{"n", 1}};
  TensorType vector{elem, {{"n", 1}}}, scalar{elem, {}};
  scope_.clear();
  line("module " + function.name + "(n: int, s: " + scalar.text() + " = " + literal(elem, false) + ") {");
  scope_.push_back({"s", scalar});
  ++indent_;
  line("param w = " + expr(vector, 2));
  scope_.push_back({"w", vector});
  line("param b = " + expr(scalar, 1));
  scope_.push_back({"b", scalar});
  line("buffer c = " + std::to_string(pick(3)));
  scope_.push_back({"c", {Elem::I64, {}}});
  scope_.push_back({"x", vector});
  line("fn forward(x: " + vector.text() + ") -> " + vector.text() + " {");
  returns_ = vector;
  block([&] {
    statements(pick(2));
    line(expr(vector, 2));
  });
  line("}");
  scope_.pop_back();
  scope_.push_back({"k", {Elem::I64, {}}});
  line("mut fn step(k: int) -> int {");
  returns_ = TensorType{Elem::I64, {}};
  block([&] {
    line("c = (c + k) % 7");
    line("w = " + damped(vector, expr(vector, 2)));
    if (pick(2))
      line("w[" + index({"n", 1}) + "] += " + expr(scalar, 1));
    line("b *= " + damped(scalar, expr(scalar, 1)));
    line("c + " + number(1));
  });
  line("}");
  --indent_;
  line("}");
  function.result = vector;
  functions_.push_back(function);
}

// What N is.
static int64_t rowsOf(uint64_t seed, const GeneratorOptions &options) {
  return static_cast<int64_t>(seed % 8 == 5 ? 5 + seed / 8 % (options.differentiable ? 15 : 36) : 1 + seed % 4);
}

Argument Writer::argumentFor(const TensorType &type) {
  Argument argument{type.elem, {}, {}};
  for (const Size &size : type.dims)
    argument.shape.push_back(size.isConst()     ? size.least
                             : size.text == "K" ? static_cast<int64_t>(program_.seed / 2 % 3)
                             : size.text == "N" ? rowsOf(program_.seed, options_)
                                                : 1 + static_cast<int64_t>(program_.seed / 4 % 3));
  int64_t count = 1;
  for (int64_t size : argument.shape)
    count *= size;
  for (int64_t i = 0; i < count; ++i) {
    if (type.elem == Elem::Bool)
      argument.data.push_back(pick(2));
    else if (type.elem == Elem::U8)
      argument.data.push_back(pick(6));
    else if (!type.isFloat())
      argument.data.push_back(pick(11) - 5);
    else
      argument.data.push_back((pick(129) - 64) / 32.0);
  }
  return argument;
}

void Writer::entryPoint() {
  FunctionName function{FunctionName::Annotated, entry_, {}, {}};
  sizes_ = {{"N", 1}, {"M", 1}};
  if (chance(20))
    sizes_.push_back({"K", 0});
  for (int i = 1 + pick(3); i > 0; --i)
    function.params.push_back(randomType());
  sizes_ = sizesOf(function.params);
  std::vector<TensorType> results;
  for (int i = isSmall() ? 1 : 1 + pick(3); i > 0; --i)
    results.push_back(randomType());
  const bool hasText = !isSmall() || chance(30);
  enter(function);
  budget_ = isSmall() ? 12 : 60;
  const size_t head = text_.size(), parameterCount = scope_.size();
  block([&] {
    if (isSmall() && !functions_.empty() && chance(60))
      useDeclared();
    statements(isSmall() ? 1 : 2 + pick(3) * options_.size);
    std::string values;
    budget_ = std::max(budget_, isSmall() ? 4 : 10);
    for (const TensorType &type : results)
      values += expr(type, 3) + ", ";
    // What is left in a variable matters, too.
    if (scope_.size() > parameterCount) {
      results.push_back(scope_.back().type);
      values += scope_.back().name + ", ";
    }
    line("(" + values + (hasText ? "\"n={(" + number(2) + ")}\")" : ")"));
  });
  line("}");
  std::string types;
  for (const TensorType &type : results)
    types += type.text() + ", ";
  text_.insert(head, "export fn " + entry_ + "(" + parameters(function) + ") -> (" + types +
                         (hasText ? "str) {\n" : ") {\n"));
  for (const TensorType &type : function.params)
    program_.arguments.push_back(argumentFor(type));
}

// A loss, and an entry point that gives its value and its derivatives of every kind.
void Writer::derivativeEntry() {
  FunctionName loss{FunctionName::Annotated, entry_ + "_loss", {}, {Elem::F64, {}}};
  const Size open = chance(15) ? Size{"K", 0} : Size{"N", 1};
  sizes_ = {open};
  int count = 1 + pick(2);
  for (int i = 0; i < count; ++i) {
    TensorType type{Elem::F64, {}};
    if (i == 0 || chance(60))
      type.dims.push_back(chance(60) ? open : Size{"2", 2});
    if (i > 0 && !type.dims.empty() && chance(30))
      type.dims.push_back({"2", 2});
    loss.params.push_back(type);
  }
  sizes_ = sizesOf(loss.params);
  enter(loss);
  budget_ = isSmall() ? 10 : 50;
  line("fn " + loss.name + "(" + parameters(loss) + ") -> f64 {");
  returns_ = loss.result;
  block([&] {
    statements(isSmall() ? 1 : 2 + pick(3) * options_.size);
    budget_ = std::max(budget_, isSmall() ? 4 : 10);
    std::string total;
    for (size_t i = 0; i < loss.params.size(); ++i)
      // Every parameter matters, to the second order.
      total += std::string(i ? " + " : "") + "sum((" + damped(loss.params[i], expr(loss.params[i], 2)) +
               " + 1.5) * sin(" + std::string(1, static_cast<char>('a' + i)) + "))";
    line(total + " + " + expr(loss.result, 3));
  });
  line("}");

  std::string names, gradients, results = "f64", first = loss.params[0].text();
  for (size_t i = 0; i < loss.params.size(); ++i) {
    names += (i ? ", " : "") + std::string(1, static_cast<char>('a' + i));
    gradients += (i ? ", g" : "g") + std::to_string(i);
    results += ", " + loss.params[i].text();
  }
  // A `return` that is known to be reached may leave a parameter out.
  const std::string unused = ", allow_unused=true";
  std::string rest = names.substr(1), partial = "fn(t) = " + loss.name + "(t" + rest + ")";
  std::string takes = "(" + parameters(loss) + ", da: " + first + ") -> ";
  std::string value = "  let (y, " + (loss.params.size() == 1 ? gradients : "(" + gradients + ")") +
                      ") = value_and_grad(" + loss.name + (loss.params.size() == 1 ? "" : ", wrt=(0, 1)") + unused +
                      ")(" + names + ")\n",
              slope = "  let (z, dz) = jvp(" + partial + ", a, da)\n",
              forward = "  let (g, dg) = jvp(grad(" + partial + unused + "), a, da)\n",
              reverse = "  let dg = grad(fn(t) = sum(grad(" + loss.name + unused + ")(t" + rest + ") * da)" + unused +
                        ")(a)\n";
  // A second derivative is most of the code: half of the programs have the one, half the other.
  text_ += "export fn " + entry_ + takes + "(" + results + ", f64, f64, " + first + ") {\n" + value + slope +
           (program_.seed % 2 ? forward : reverse) + "  (y, " + gradients + ", z, dz, dg)\n}\n";
  program_.loss = loss.name;
  program_.wrt = static_cast<int>(loss.params.size());
  program_.expectedText = "export fn " + entry_ + "_expected" + takes + "(" + results + ", f64, " + first + ") {\n" +
                          value + slope + forward + "  (y, " + gradients + ", dz, dg)\n}\n";
  for (size_t i = 0; i <= loss.params.size(); ++i)
    program_.expects.push_back(i);
  program_.expects.insert(program_.expects.end(), {0, loss.params.size() + 1, loss.params.size() + 2});
  program_.printsForward = program_.seed % 3 == 0;
  program_.againText = "export fn " + entry_ + "_again" + takes + first + " = grad(fn(t) = " +
                       (program_.printsForward ? loss.name + "_jvp(t" + rest + ", da)[1]"
                                               : "sum(" + loss.name + "_grad(t" + rest + ")[1] * da)") +
                       unused + ")(a)\n";
  for (const TensorType &type : loss.params)
    program_.arguments.push_back(argumentFor(type));
  program_.arguments.push_back(argumentFor(loss.params[0]));
}

} // namespace dl::testing
