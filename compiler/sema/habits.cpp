#include "compiler/sema/habits.h"

#include <map>

namespace dl::sema {

std::string habitHelp(std::string_view name) {
  constexpr const char *kNoPrefix = "PyTorch's functions are there without a prefix: `zeros(3)`, `sin(x)`";
  constexpr const char *kNoDevices = "programs run on the processor; nothing is moved to a device";
  constexpr const char *kNoCopies = "values are never shared, so nothing needs a copy";
  constexpr const char *kChangesVariable = "`x += y` and `x[i] = y` change a variable in place";
  constexpr const char *kPairs =
      "`let (values, indices) = sort(x, dim=0)` names the parts of a pair; `max(x, dim=0)` is "
      "the values alone, `argmax` gives the positions";
  static const std::map<std::string_view, std::string> table = {
      {"True", "it is written `true`"},
      {"False", "it is written `false`"},
      {"None", "it is written `none`"},
      {"torch", kNoPrefix},
      {"np", kNoPrefix},
      {"numpy", kNoPrefix},
      {"math", "its functions and numbers are there without a prefix: `sqrt(2.0)`, `pi`, `inf`"},
      {"F", "`import nn` brings the functions of torch.nn.functional: `nn.softmax(x, dim=1)`"},
      {"functional", "`import nn` brings the functions of torch.nn.functional: `nn.softmax(x, dim=1)`"},
      {"nn", "`import nn` brings it"},
      {"optim", "`import optim` brings it"},
      {"data", "`import data` brings it; `x.detach()` is a constant to differentiation"},
      {"random", "`import random` brings it"},
      {"distributions", "`import distributions` brings it"},
      {"metrics", "`import metrics` brings it"},
      {"init", "`import init` brings it"},
      {"dict",
       "there are no dictionaries; `[(\"a\", 1), (\"b\", 2)]` is a list of pairs, a module has members by name"},
      {"range", "`0..n` is a range, `a..b step k` one with steps"},
      {"manual_seed", "`seed(n)` sets the generator"},
      {"generator", "a generator gives the numbers itself: `g.rand(2)`, or `g.draw(fn() = …)` for whatever is random"},
      {"reverse", "`xs.sort(descending=true)` sorts downwards, `xs.reverse()` turns a list round"},
      {"size", "sizes follow one by one: `randint(0, 5, 2, 3)`"},
      {"self", "a method names the members directly: `weight`"},
      {"pass", "an empty block is `{ }`"},
      {"lambda", "`fn(x) = x * 2.0` is a function without a name"},
      {"Parameter", "`param w = …` in a module, or `var w = param(…)`, is trained"},
      {"Module", "`module Name(hyper-parameters) { … }` declares a module"},
      {"concat", "it is written `cat((a, b), dim=0)`, as in PyTorch"},
      {"concatenate", "it is written `cat((a, b), dim=0)`, as in PyTorch"},
      {"vstack", "`cat((a, b), dim=0)` joins rows, `stack((a, b), dim=0)` makes a new dimension"},
      {"hstack", "`cat((a, b), dim=1)` joins columns, `stack((a, b), dim=1)` makes a new dimension"},
      {"float16", "the floating-point types are f32, f64 and bf16"},
      {"float32", "it is written `f32`"},
      {"float64", "it is written `f64`"},
      {"bfloat16", "it is written `bf16`"},
      {"int32", "it is written `i32`"},
      {"int64", "it is written `i64`"},
      {"uint8", "it is written `u8`"},
      {"float", "`f32(x)` converts, to the type `f32`; infinity is `inf`"},
      {"double", "`f64(x)` converts, to the type `f64`"},
      {"half", "`x.to(bf16)` is the short floating-point type"},
      {"long", "`i64(x)` converts, to the type `i64`"},
      {"type", "`x.to(f64)` converts, `x.dtype` is the type of the elements"},
      {"Tensor", "a tensor's type is that of its elements and its sizes: `f32[N, 3]`"},
      {"FloatTensor", "a tensor's type is that of its elements and its sizes: `f32[N, 3]`"},
      {"device", kNoDevices},
      {"cpu", kNoDevices},
      {"cuda", kNoDevices},
      {"clone", kNoCopies},
      {"copy", kNoCopies},
      {"deepcopy", kNoCopies},
      {"contiguous", "every tensor is contiguous"},
      {"view", "`x.reshape(a, b)` gives other sizes"},
      {"view_as", "`x.reshape(y.shape)` gives other sizes"},
      {"repeat", "`x.tile(a, b)` repeats along each dimension"},
      {"item", "an element is a number: `x[0]`, or `sum(x)` of a tensor of one element"},
      {"tolist", "`list(x)` is the list of its rows"},
      {"dim", "`x.ndim` is the number of dimensions; the argument is called `dim` where there is one"},
      {"axis", "it is called `dim`"},
      {"keepdims", "it is called `keepdim`"},
      {"add_", kChangesVariable},
      {"sub_", kChangesVariable},
      {"mul_", kChangesVariable},
      {"div_", kChangesVariable},
      {"zero_", kChangesVariable},
      {"fill_", kChangesVariable},
      {"copy_", kChangesVariable},
      {"MSELoss", "`nn.mse_loss(x, y)` is a function"},
      {"L1Loss", "`nn.l1_loss(x, y)` is a function"},
      {"SmoothL1Loss", "`nn.smooth_l1_loss(x, y)` is a function"},
      {"CrossEntropyLoss", "`nn.cross_entropy(logits, classes)` is a function"},
      {"NLLLoss", "`nn.nll_loss(x, classes)` is a function"},
      {"BCEWithLogitsLoss", "`nn.binary_cross_entropy_with_logits(x, y)` is a function"},
      {"values", kPairs},
      {"indices", kPairs},
      {"register_buffer", "`buffer name = …` among the module's members declares state"},
      {"register_parameter", "`param name = …` among the module's members declares a parameter"},
      {"add_module", "`let name = …` among the module's members declares a sub-module"},
      {"apply", "`tree_map(fn(p) = …, m)` goes over the parameters, `m.modules()` over the modules"},
  };
  auto it = table.find(name);
  return it == table.end() ? "" : it->second;
}

} // namespace dl::sema
