// Strings: interpolation, formatting, concatenation.
#include "compiler/sema/checker.h"

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

// The text of any value, as `{value:format}` and print() show it.
Value Checker::formatValue(const Value &value, const std::string &format, Span span) {
  if (value.bad())
    return value;
  switch (value.type->kind) {
  case TypeKind::Str:
    if (format.empty())
      return value;
    return externValue("dl_rt_format_str", {value, strValue(format, span)}, strType(), span, true, false);
  case TypeKind::Tensor:
    if (format.empty() && value.known.dim && value.known.dim->isConst())
      return strValue(std::to_string(value.known.dim->constant()), span);
    if (format.empty() && value.known.boolean)
      return strValue(*value.known.boolean ? "true" : "false", span);
    return externValue("dl_rt_format", {value, strValue(format, span)}, strType(), span, true, false);
  case TypeKind::Tuple:
  case TypeKind::Record: {
    Value whole = materialise(value, "shown");
    bool record = value.type->kind == TypeKind::Record;
    std::vector<Value> parts{strValue(record ? "{" : "(", span)};
    for (uint32_t i = 0; i < value.type->items.size(); ++i) {
      parts.push_back(strValue((i ? ", " : "") + (record ? value.type->names[i] + ": " : std::string()), span));
      parts.push_back(formatValue(part(whole, i, span), format, span));
    }
    parts.push_back(strValue(record ? "}" : value.type->items.size() == 1 ? ",)" : ")", span));
    return concatStrings(std::move(parts), span);
  }
  case TypeKind::List:
    return formatList(value, format, span);
  case TypeKind::ElemType:
    return strValue(std::string(elemName(value.type->elem)), span);
  case TypeKind::Unit:
    error(Code::TypeMismatch, span, "this has no value to show");
    return bad(span);
  default:
    return strValue(str(value.type), span);
  }
}

} // namespace dl::sema
