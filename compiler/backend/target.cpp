#include "compiler/backend/target.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>

namespace dl::backend {
namespace {

void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

// Without the x87 unit, several floats are returned through memory. With it, two of them would go over its stack, for
// which LLVM 19 selects an instruction that does not exist, at -O0 on processors with AVX-512.
void leaveOutX87(llvm::SubtargetFeatures &features, const std::string &triple) {
  if (llvm::Triple(triple).isX86())
    features.AddFeature("x87", false);
}

TargetDescription describeHost() {
  TargetDescription target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.cpu = llvm::sys::getHostCPUName().str();
  llvm::SubtargetFeatures features;
  auto host = llvm::sys::getHostCPUFeatures();
  for (const auto &feature : host)
    features.AddFeature(feature.getKey(), feature.getValue());
  auto has = [&](llvm::StringRef name) { return host.lookup(name); };
  if (has("avx512f") && has("avx512vl")) {
    // LLVM would use half of the width on these machines, for the sake of their clock; measured, the full width is
    // faster.
    features.AddFeature("prefer-256-bit", false);
    target.vectorBits = 512;
  } else if (has("avx2")) {
    target.vectorBits = 256;
  }
  leaveOutX87(features, target.triple);
  target.features = features.getString();
  return target;
}

} // namespace

TargetDescription describeTarget(const std::string &cpu) {
  if (!cpu.empty() && cpu != "native") {
    TargetDescription target;
    target.triple = llvm::sys::getDefaultTargetTriple();
    target.cpu = cpu;
    llvm::SubtargetFeatures features;
    leaveOutX87(features, target.triple);
    target.features = features.getString();
    return target;
  }
  static const TargetDescription host = describeHost();
  return host;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const TargetDescription &target,
                                                                         int optLevel) {
  initialise();
  std::string message;
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(target.triple, message);
  if (!found)
    return llvm::createStringError(message);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard; // only where the program says `contract`
  auto level = optLevel == 0 ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default;
  std::unique_ptr<llvm::TargetMachine> machine(found->createTargetMachine(
      target.triple, target.cpu, target.features, options, llvm::Reloc::PIC_, std::nullopt, level));
  if (!machine)
    return llvm::createStringError("no code generator for " + target.triple);
  return machine;
}

} // namespace dl::backend
