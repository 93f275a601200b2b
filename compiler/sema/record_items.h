// The gradient of a container is a record of its one member, whose items are meant by g[0] and g.fc.
#pragma once

#include "compiler/sema/types.h"

namespace dl::sema {

inline bool wrapsItems(const Type &record) {
  return record->items.size() == 1 && (record->items[0]->kind == TypeKind::Record || isList(record->items[0]));
}

} // namespace dl::sema
