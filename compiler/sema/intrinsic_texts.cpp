// What editors show of the functions of the language that are no ops.
#include "compiler/sema/facts.h"

namespace dl::sema {
namespace {

struct Row {
  const char *name, *signature, *doc;
};

constexpr Row kRows[] = {
    {"print", "fn print(*values)", "Writes the values, with spaces between them, and a newline."},
    {"error", "fn error(message: str)", "Stops the program with this message and its place."},
    {"len", "fn len(x) -> int",
     "The size of a tensor's first dimension, the number of items of a tuple, or `x.len()`."},
    {"numel", "fn numel(x) -> int", "How many elements a tensor has."},
    {"size", "fn size(x, dim: int) -> int", "The size of one dimension; without `dim`, the shape."},
    {"is_tensor", "fn is_tensor(x) -> bool", "Whether a value is a tensor or a number."},
    {"str", "fn str(x) -> str", "The value as `print` writes it."},
    {"to", "fn to(x, dtype)", "The tensor with another element type; a `str` is read as a number."},
    {"option", "fn option(name: str, default)",
     "The value of `--name VALUE` on the script's command line, else the default."},
    {"grad", "fn grad(f, wrt = 0, has_aux = false, allow_unused = false)",
     "The function that gives the gradient of the scalar function `f` by the parameters `wrt`: numbers or names."},
    {"value_and_grad", "fn value_and_grad(f, wrt = 0, has_aux = false, allow_unused = false)",
     "Like `grad`; the function gives `(value, gradient)`."},
    {"vjp", "fn vjp(f, *args)", "`(f(args), pullback)`: `pullback(dy)` is the vector–Jacobian product."},
    {"jvp", "fn jvp(f, x, dx)", "`(f(x), dy)`: the value and its directional derivative, in forward mode."},
    {"vmap", "fn vmap(f, in_dims = 0)",
     "The function that applies `f` along a new leading dimension of its arguments."},
    {"checkpoint", "fn checkpoint(f)",
     "The same function, computed again in the reverse pass instead of kept; its loops need memory for the logarithm "
     "of their steps."},
    {"params", "fn params(module)", "The trained parameters of a module, as a record."},
    {"with_params", "fn with_params(module, params)", "The module with other values for its trained parameters."},
    {"tree_map", "fn tree_map(f, *trees)",
     "`f` applied to each tensor of records, tuples and modules of one structure."},
    {"num_parameters", "fn num_parameters(module, trainable = false) -> int",
     "How many numbers the parameters hold; `trainable=true`: those that are not frozen."},
    {"parameters", "fn parameters(module)", "All parameters of a module, as a record with the names of its members."},
    {"named_parameters", "fn named_parameters(module)", "Pairs of a name, as in `fc1.weight`, and a parameter."},
    {"named_buffers", "fn named_buffers(module)", "Pairs of a name and a buffer."},
    {"children", "fn children(module)", "The modules directly inside."},
    {"named_children", "fn named_children(module)", "Pairs of a name and a module directly inside."},
    {"modules", "fn modules(module)", "The module and all modules inside."},
    {"named_modules", "fn named_modules(module)", "Pairs of a name and a module: all inside, and the module itself."},
    {"state_dict", "fn state_dict(module)", "Parameters and buffers under PyTorch's names, as a record."},
    {"load_state_dict", "fn load_state_dict(&module, state, strict = true)",
     "Takes the state of another model, or of a file: `m.load_state_dict(load(path))`."},
    {"with", "fn with(module, **members)", "The module with other members, which may have other types."},
    {"save", "fn save(path: str, values)", "Writes the tensors to a .safetensors file under their names."},
    {"load", "fn load(path: str, &into)",
     "Reads the tensors of a .safetensors file into a value that has the same names and shapes."},
    {"train", "fn train(&module)", "Sets every member `training` to true."},
    {"eval", "fn eval(&module)", "Sets every member `training` to false."},
    {"pack_texts", "fn pack_texts(bytes: u8[N], ends: i64[M]) -> list[str]",
     "The texts that stand one after another in `bytes`, each up to its end."},
    {"unpack_texts", "fn unpack_texts(texts: list[str])", "`(bytes, ends)`: what `pack_texts` takes."},
    {"param", "fn param(data)", "The value of a new param variable: a tensor that is trained and has a `.grad`."},
    {"backward", "fn backward(y, weight = 1)",
     "Adds the gradient of `y` to the `.grad` of every param that it was computed from."},
    {"zero_grad", "fn zero_grad(*&params)", "Sets the `.grad` of params, or of a module's params, to zero."},
    {"clear_grads", "fn clear_grads(*&params)", "`zero_grad`, for methods of that name."},
    {"gradients", "fn gradients(module)", "The `.grad` of a module's params, in the structure of `params(module)`."},
    {"requires_grad", "fn requires_grad(x) -> bool", "Whether a value was computed from params; known when compiled."},
    {"requires_grad_", "fn requires_grad_(&params, flag = true)",
     "Whether backward fills the `.grad` of these params from here on."},
    {"is_leaf", "fn is_leaf(x) -> bool", "Whether a value is a param, or was computed from none."},
    {"grad_fn", "fn grad_fn(x) -> str", "The name of the operation that computed a value from params, or `none`."},
    {"set_grad_enabled", "fn set_grad_enabled(on: bool)",
     "Whether what follows in this function can be differentiated; as `no_grad` for the rest of the block."},
    {"is_grad_enabled", "fn is_grad_enabled() -> bool", "Whether values computed here can be differentiated."},
    {"pack_texts", "fn pack_texts(bytes, ends)",
     "The list of texts whose bytes lie one after another, each up to its end."},
    {"unpack_texts", "fn unpack_texts(texts)", "The bytes of all texts of a list, and where each ends."},
    {"same_structure", "fn same_structure(a, b) -> bool",
     "Whether two trees have the same names and shapes; known when compiled."},
    {"einsum", "fn einsum(formula: str, *operands)",
     "The sum of products that the formula names, as in `einsum(\"bij,bjk->bik\", a, b)`."},
    {"list", "fn list(x)", "The items of a tuple, or the rows of a tensor, as a list."},
    {"tensor", "fn tensor(xs)", "The items of a list, all of one shape, stacked along a new first dimension."},
    {"enumerate", "fn enumerate(xs)", "Pairs of a position, from 0, and an item; for a `for` loop or a list."},
    {"zip", "fn zip(*xs)", "Tuples of the items at each position of lists of one length."},
};

constexpr Row kListRows[] = {
    {"append", "fn append(item)", "Adds an item at the end; so does `push`."},
    {"push", "fn push(item)", "Adds an item at the end."},
    {"extend", "fn extend(items)", "Adds all items of another list at the end."},
    {"insert", "fn insert(position: int, item)", "Puts an item before the one at the position."},
    {"pop", "fn pop(position: int = -1)", "Takes an item out, the last unless told otherwise, and gives it."},
    {"remove", "fn remove(item)", "Takes out the first item that is equal."},
    {"clear", "fn clear()", "Takes out all items."},
    {"reverse", "fn reverse()", "Turns the order around."},
    {"sort", "fn sort(descending: bool = false)", "Puts the items into ascending order."},
    {"index", "fn index(item) -> int", "The position of the first item that is equal."},
    {"count", "fn count(item) -> int", "How many items are equal."},
    {"contains", "fn contains(item) -> bool", "Whether an item is equal."},
    {"copy", "fn copy()", "The same items."},
};

} // namespace

std::vector<Symbol> listMethods() {
  std::vector<Symbol> methods;
  for (const Row &row : kListRows)
    methods.push_back({Symbol::Method, row.name, {}, row.signature, row.doc});
  return methods;
}

IntrinsicText intrinsicText(const std::string &name) {
  for (const Row &row : kRows)
    if (name == row.name)
      return {row.signature, row.doc};
  return {};
}

} // namespace dl::sema
