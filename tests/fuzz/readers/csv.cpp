#include "runtime/io/csv.h"
#include "runtime/io/file.h"
#include "tests/fuzz/readers/target.h"

void dl::fuzz::one(std::span<const uint8_t> bytes) { (void)rt::parseCsv(rt::asText(bytes), 1); }
