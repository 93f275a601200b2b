// Enumerations of both op files, generated once.
include "compiler/dialect/DlElementwise.td"
include "compiler/dialect/DlOps.td"
