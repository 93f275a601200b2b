// Strings: interpolation, formatting, concatenation.
#include "compiler/sema/checker.h"

#include "runtime/text/characters.h"
#include "runtime/text/utf8.h"

namespace dl::sema {

Value Checker::checkStr(const ast::StrLit *expr) {
  std::vector<Value> parts;
  bool failed = false;
  for (const ast::StrPart &p : expr->parts) {
    if (!p.value) {
      parts.push_back(strValue(p.text, expr->span));
      continue;
    }
    Value v = checkExpr(p.value);
    failed |= v.bad();
    if (!v.bad())
      parts.push_back(formatValue(v, p.format, p.value->span));
    failed |= parts.empty() ? false : parts.back().bad();
  }
  if (failed) {
    Value v = bad(expr->span);
    v.type = strType(); // the mistake inside has been reported
    return v;
  }
  return concatStrings(std::move(parts), expr->span);
}

Value Checker::concatStrings(std::vector<Value> parts, Span span) {
  std::vector<Value> merged;
  for (Value &v : parts) {
    if (v.bad())
      return bad(span);
    if (v.known.text && v.known.text->empty())
      continue;
    if (!merged.empty() && merged.back().known.text && v.known.text)
      merged.back() = strValue(*merged.back().known.text + *v.known.text, span);
    else
      merged.push_back(v);
  }
  if (merged.empty())
    return strValue("", span);
  if (merged.size() == 1)
    return merged[0];
  return externValue("dl_rt_concat_str", std::move(merged), strType(), span, true, false);
}

// Whether the specification is one, and fits the elements (kFormatText: a str); an error otherwise.
bool Checker::fitsFormat(const Value &value, const std::string &format, Span span) {
  rt::FormatSpec spec;
  std::string problem = rt::readFormatSpec(format, spec);
  if (!problem.empty())
    problem = "the format `" + format + "` " + problem;
  else if (problem = rt::formatMismatch(spec, value.type->kind == TypeKind::Str ? rt::kFormatText
                                                                                : int32_t(value.type->elem));
           !problem.empty())
    problem = "the format `" + format + "` does not fit: " + problem;
  if (!problem.empty())
    error(Code::BadString, span, problem);
  return problem.empty();
}

// The text of any value, as `{value:format}` and print() show it.
Value Checker::formatValue(const Value &value, const std::string &format, Span span) {
  if (value.bad())
    return value;
  auto asText = [&](const Value &text) { return format.empty() ? text : formatValue(text, format, span); };
  switch (value.type->kind) {
  case TypeKind::Str:
    if (format.empty())
      return value;
    if (!fitsFormat(value, format, span))
      return bad(span);
    return externValue("dl_rt_format_str", {value, strValue(format, span)}, strType(), span, true, false);
  case TypeKind::Tensor:
    if (format.empty() && value.known.dim && value.known.dim->isConst())
      return strValue(std::to_string(value.known.dim->constant()), span);
    if (format.empty() && value.known.boolean)
      return strValue(*value.known.boolean ? "true" : "false", span);
    if (!fitsFormat(value, format, span))
      return bad(span);
    return externValue("dl_rt_format", {value, strValue(format, span)}, strType(), span, true, false);
  case TypeKind::Tuple:
  case TypeKind::Record: {
    Value whole = materialise(value, "shown");
    bool record = value.type->kind == TypeKind::Record;
    std::vector<Value> parts{strValue(record ? "{" : "(", span)};
    for (uint32_t i = 0; i < value.type->items.size(); ++i) {
      parts.push_back(strValue((i ? ", " : "") + (record ? value.type->names[i] + ": " : std::string()), span));
      parts.push_back(formatItem(part(whole, i, span), format, span));
    }
    parts.push_back(strValue(record ? "}" : value.type->items.size() == 1 ? ",)" : ")", span));
    return concatStrings(std::move(parts), span);
  }
  case TypeKind::List:
    return formatList(value, format, span);
  case TypeKind::ElemType:
    return asText(strValue(std::string(elemName(value.type->elem)), span));
  case TypeKind::Unit:
    error(Code::TypeMismatch, span, "this has no value to show");
    return bad(span);
  case TypeKind::Module:
    return asText(moduleText(value, "", span));
  default:
    return asText(strValue(str(value.type), span));
  }
}

// A value inside another: a text without a format stands in quotes.
Value Checker::formatItem(const Value &value, const std::string &format, Span span) {
  if (value.bad() || value.type->kind != TypeKind::Str || !format.empty())
    return formatValue(value, format, span);
  return value.known.text ? strValue(rt::quoted(*value.known.text), span)
                          : externValue("dl_rt_str_quoted", {value}, strType(), span, true, false);
}

int64_t Checker::countCodePoints(const std::string &text) { return rt::codePoints(text); }

// A code point, or a range of them.
Value Checker::indexStr(const Value &base, const ast::Index *expr) {
  const ast::IndexItem *item = expr->items.size() == 1 ? &expr->items[0] : nullptr;
  if (!item || (item->kind != ast::IndexItem::Single && item->kind != ast::IndexItem::Slice)) {
    error(Code::BadOperand, expr->span, "a str takes one index or one range");
    return bad(expr->span);
  }
  bool failed = false;
  auto number = [&](const ast::Expr *e, int64_t fallback) {
    if (!e)
      return intValue(fallback, expr->span);
    Value v = checkExpr(e);
    if (!v.bad() && !isInt(v.type)) {
      error(Code::TypeMismatch, e->span, "an index of a str is an int, this is " + describe(v));
      failed = true;
    }
    failed |= v.bad();
    return v;
  };
  Value text = base;
  if (!isTrivial(text))
    text = materialise(text, "text");
  if (item->kind == ast::IndexItem::Single) {
    Value index = number(item->value, 0);
    return failed ? bad(expr->span) : externValue("dl_rt_str_at", {text, index}, strType(), expr->span, true, false);
  }
  Value begin = number(item->begin, 0), end = number(item->end, 0), step = number(item->step, 1);
  if (failed)
    return bad(expr->span);
  Value given = intValue((item->begin ? 1 : 0) | (item->end ? 2 : 0), expr->span);
  return externValue("dl_rt_str_slice", {text, begin, end, step, given}, strType(), expr->span, true, false);
}

} // namespace dl::sema
