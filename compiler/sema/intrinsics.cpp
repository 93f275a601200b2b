// Functions of the language that are no ops: they work on types, modules and functions, or on what is known when
// compiled.
#include "compiler/sema/checker.h"

namespace dl::sema {

const std::set<std::string> &intrinsicNames() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all = {"print",
                                 "error",
                                 "len",
                                 "numel",
                                 "size",
                                 "is_tensor",
                                 "str",
                                 "to",
                                 "option",
                                 "einsum",
                                 "grad",
                                 "value_and_grad",
                                 "checkpoint",
                                 "vjp",
                                 "jvp",
                                 "vmap",
                                 "tree_map",
                                 "list",
                                 "tensor",
                                 "enumerate",
                                 "zip",
                                 "param",
                                 "backward",
                                 "zero_grad",
                                 "clear_grads",
                                 "gradients",
                                 "requires_grad",
                                 "is_leaf",
                                 "grad_fn",
                                 "set_grad_enabled",
                                 "is_grad_enabled",
                                 "pack_texts",
                                 "unpack_texts"};
    all.insert(moduleIntrinsics().begin(), moduleIntrinsics().end());
    return all;
  }();
  return names;
}

Value Checker::callIntrinsic(const std::string &name, std::vector<Argument> args, Span span) {
  for (Argument &a : args)
    if (a.value.bad())
      return bad(span);
  if (name == "tree_map")
    return treeMap(std::move(args), span);
  if (name == "grad" || name == "value_and_grad")
    return args.empty() ? (error(Code::WrongArguments, span, "`" + name + "` takes a function"), bad(span))
                        : makeGrad(args[0].value, {args.begin() + 1, args.end()}, name == "value_and_grad", span);
  if (name == "vjp")
    return callVjp(std::move(args), span);
  if (name == "jvp")
    return callJvp(std::move(args), span);
  if (name == "checkpoint")
    return makeCheckpoint(std::move(args), span);
  if (name == "vmap")
    return makeVmap(std::move(args), span);
  if (name == "param" || name == "backward" || name == "zero_grad" || name == "clear_grads" || name == "gradients" ||
      name == "requires_grad" || name == "is_leaf" || name == "grad_fn" || name == "set_grad_enabled" ||
      name == "is_grad_enabled")
    return callParamFunction(name, std::move(args), span);
  if (std::optional<Value> v = callModuleIntrinsic(name, args, span))
    return *v;
  for (Argument &a : args) {
    settle(a);
    if (a.value.bad())
      return bad(span);
    if (a.ref) {
      error(Code::MissingRef, a.span, "`" + name + "` does not change its argument").withHelp("leave out the `&`");
      return bad(span);
    }
  }
  if (name == "einsum")
    return callEinsum(std::move(args), span);
  if (name == "print") {
    std::vector<Value> parts;
    std::optional<Value> separator, end;
    for (Argument &a : args) {
      if (a.name.empty())
        continue;
      if (a.name != "sep" && a.name != "end") {
        error(Code::WrongArguments, a.nameSpan, "`print` has no parameter `" + a.name + "`")
            .withHelp("it has `sep` and `end`");
        return bad(span);
      }
      if (a.value.type->kind != TypeKind::Str) {
        error(Code::TypeMismatch, a.span, "`" + a.name + "` of `print` is a str, this is " + describe(a.value));
        return bad(span);
      }
      (a.name == "sep" ? separator : end) = a.value;
    }
    for (Argument &a : args) {
      if (!a.name.empty())
        continue;
      if (!parts.empty())
        parts.push_back(separator ? *separator : strValue(" ", span));
      parts.push_back(formatValue(a.value, "", a.span));
    }
    Value text = concatStrings(std::move(parts), span);
    if (text.bad())
      return bad(span);
    return end ? externValue("dl_rt_write", {text, *end}, unitType(), span, false, false)
               : externValue("dl_rt_print", {text}, unitType(), span, false, false);
  }
  if ((name == "enumerate" && args.size() == 1) || (name == "zip" && !args.empty()))
    return pairedList(name, args, span);
  auto exactly = [&](size_t count) {
    if (args.size() == count)
      return true;
    error(Code::WrongArguments, span,
          "`" + name + "` takes " + std::to_string(count) + (count == 1 ? " argument" : " arguments") + ", not " +
              std::to_string(args.size()));
    return false;
  };
  if (name == "option") {
    if (!exactly(2))
      return bad(span);
    const Value &fallback = args[1].value;
    bool number = isScalar(fallback.type), text = fallback.type->kind == TypeKind::Str;
    if (args[0].value.type->kind != TypeKind::Str || (!number && !text)) {
      error(Code::TypeMismatch, span, "`option` takes a name and a default that is a number, a bool or a str");
      return bad(span);
    }
    Value given =
        externValue("dl_rt_option", {args[0].value, formatValue(fallback, "", span)}, strType(), span, false, false);
    if (text)
      return given;
    if (fallback.type->elem == Elem::Bool)
      return externValue("dl_rt_str_eq", {given, strValue("true", span)}, scalarType(Elem::Bool), span, true, false);
    Elem elem = fallback.type->elem;
    if (isInteger(elem))
      return convert(externValue("dl_rt_parse_int", {given}, scalarType(Elem::I64), span, false, false), elem, span);
    return convert(externValue("dl_rt_parse_float", {given}, scalarType(Elem::F64), span, false, false), elem, span);
  }
  if (name == "min" || name == "max") {
    if (!exactly(2))
      return bad(span);
    const Value &a = args[0].value, &b = args[1].value;
    if (isInt(a.type) && isInt(b.type) && a.known.dim && b.known.dim) {
      Value v =
          dimValue(name == "min" ? Dim::min(*a.known.dim, *b.known.dim) : Dim::max(*a.known.dim, *b.known.dim), span);
      v.known.literal = a.known.literal && b.known.literal;
      return v;
    }
    return callBuiltin(name == "min" ? "minimum" : "maximum", {a, b}, span);
  }
  if (name == "to" || name == "convert_to") {
    if (!exactly(2))
      return bad(span);
    Value v = args[0].value;
    if (args[1].value.type->kind != TypeKind::ElemType) {
      error(Code::TypeMismatch, args[1].span,
            "an element type such as f32 is expected, this is " + describe(args[1].value));
      return bad(span);
    }
    Elem elem = args[1].value.type->elem;
    if (v.type->kind == TypeKind::Str) {
      Value parsed = isInteger(elem) ? externValue("dl_rt_parse_int", {v}, scalarType(Elem::I64), span, false, false)
                                     : externValue("dl_rt_parse_float", {v}, scalarType(Elem::F64), span, false, false);
      return convert(parsed, elem, span);
    }
    if (v.type->kind != TypeKind::Tensor) {
      error(Code::TypeMismatch, args[0].span, describe(v) + " cannot be converted to " + std::string(elemName(elem)));
      return bad(span);
    }
    bool literal = v.known.literal && v.type->elem != Elem::Bool && elem != Elem::Bool &&
                   (isFloat(elem) || isInteger(v.type->elem));
    v = literal ? wrapLiteral(v, elem) : convert(v, elem, span);
    v.known.literal = false;
    v.known.number.reset();
    v.binding = nullptr;
    return v;
  }
  if (name == "pack_texts") {
    const Type bytes = args.empty() ? noneType() : args[0].value.type;
    if (args.size() != 2 || !isTensor(bytes) || bytes->elem != Elem::U8 || bytes->dims.size() != 1 ||
        !isTensor(args[1].value.type) || args[1].value.type->elem != Elem::I64 ||
        args[1].value.type->dims.size() != 1) {
      error(Code::WrongArguments, span,
            "`pack_texts` takes the bytes of all texts, u8[M], and where each ends, i64[N]");
      return bad(span);
    }
    return fromParts(listType(args[1].value.type->dims[0], strType()), {args[0].value, args[1].value}, span);
  }
  if (!exactly(name == "size" ? args.size() : 1) || args.empty())
    return bad(span);
  const Value &x = args[0].value;
  if (name == "unpack_texts") {
    if (!isList(x.type) || x.type->items[0]->kind != TypeKind::Str) {
      error(Code::TypeMismatch, args[0].span, "`unpack_texts` takes a list[str], this is " + describe(x));
      return bad(span);
    }
    Value whole = materialise(x, "texts");
    Value bytes = storedPart(whole, 0, span), ends = storedPart(whole, 1, span);
    return tupleValue({opened(bytes), opened(ends)}, span);
  }
  if (name == "error") {
    if (x.type->kind != TypeKind::Str) {
      error(Code::TypeMismatch, args[0].span, "`error` takes a str, this is " + describe(x));
      return bad(span);
    }
    if (!frame_->isLibrary || !refuse(x, span)) {
      Stmt *eval = makeStmt(StmtKind::Eval, span);
      eval->value = externValue("dl_rt_error", {x}, unitType(), span, false, false).expr;
      emit(eval);
    }
    Value v = unit(span);
    v.expr = make(ExprKind::Unreachable, unitType(), span);
    return v;
  }
  if (name == "list")
    return asList(materialise(x, "items"), span);
  if (name == "tensor")
    return isList(x.type) ? asTensor(materialise(x, "items"), span) : x;
  if (name == "len") {
    if (isList(x.type)) {
      Value whole = opened(materialise(x, "sized"));
      return dimValue(whole.type->dims[0], span);
    }
    if (x.type->kind == TypeKind::Record && !allNamed(stateOf(x.type), span))
      return bad(span);
    if (x.type->kind == TypeKind::Tuple || x.type->kind == TypeKind::Record)
      return intValue(int64_t(x.type->kind == TypeKind::Record ? stateOf(x.type).size() : x.type->items.size()), span);
    if (isTensor(x.type)) {
      materialise(x, "sized");
      return dimValue(x.type->dims[0], span);
    }
    if (x.type->kind == TypeKind::Str)
      return x.known.text ? intValue(countCodePoints(*x.known.text), span)
                          : externValue("dl_rt_str_len", {x}, scalarType(Elem::I64), span, true, false);
    if (x.type->kind == TypeKind::Module)
      if (const ast::FnDecl *len = methodNamed(*x.type->module, "len"))
        return callMethod(x, std::nullopt, len, {}, span);
    if (std::optional<Value> pack = packOf(x, span))
      return isList(pack->type) ? callIntrinsic("len", {Argument{"", *pack, span, std::nullopt, false}}, span)
                                : intValue(int64_t(pack->type->items.size()), span);
    error(Code::TypeMismatch, args[0].span, describe(x) + " has no length");
    return bad(span);
  }
  if (name == "str")
    return formatValue(x, "", span);
  if (name == "is_tensor")
    return boolValue(x.type->kind == TypeKind::Tensor, span);
  if (name == "numel" || name == "size") {
    if (x.type->kind != TypeKind::Tensor) {
      error(Code::TypeMismatch, args[0].span, "`" + name + "` takes a tensor, this is " + describe(x));
      return bad(span);
    }
    if (name == "numel") {
      materialise(x, "sized");
      Dim product(int64_t(1));
      for (const Dim &d : x.type->dims)
        product = product * d;
      return dimValue(product, span);
    }
    Value shape = *memberOf(x, "shape", span);
    if (args.size() == 1)
      return shape;
    int64_t rank = int64_t(x.type->dims.size());
    const std::optional<Dim> &d = args[1].value.known.dim;
    if (!d || !d->isConst() || d->constant() >= rank || d->constant() < -rank) {
      error(Code::BadDimension, args[1].span, "`size` takes the number of a dimension of " + describe(x));
      return bad(span);
    }
    return part(shape, uint32_t(d->constant() < 0 ? d->constant() + rank : d->constant()), span);
  }
  error(Code::InternalError, span, "there is no `" + name + "`");
  return bad(span);
}

} // namespace dl::sema
