// Reads a .mlir file, runs passes over it and prints the result: the tests' window on single passes.
#include "compiler/dialect/Dl.h"
#include "compiler/passes/passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::registerAllPasses();
  for (auto create : {dl::passes::createLowerOpsPass})
    mlir::registerPass([create] { return create(); });
  mlir::DialectRegistry registry;
  registry.insert<dl::ir::DlDialect>();
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "dl optimizer driver\n", registry));
}
