#include "compiler/backend/jit.h"

#include "compiler/backend/target.h"

#include "dl/symbols.h"

#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/TargetSelect.h"

using namespace llvm;

namespace dl::backend {

namespace {

// Finds the runtime's functions in this process, without relying on what it exports.
class RuntimeSymbols : public orc::DefinitionGenerator {
public:
  Error tryToGenerate(orc::LookupState &, orc::LookupKind, orc::JITDylib &library, orc::JITDylibLookupFlags,
                      const orc::SymbolLookupSet &wanted) override {
    orc::SymbolMap found;
    for (const auto &[name, flags] : wanted)
      if (void *address = dl_runtime_symbol((*name).str().c_str()))
        found[name] = {orc::ExecutorAddr::fromPtr(address), JITSymbolFlags::Exported};
    return found.empty() ? Error::success() : library.define(orc::absoluteSymbols(std::move(found)));
  }
};

} // namespace

struct Jit::State {
  std::unique_ptr<orc::LLJIT> jit;
};

Jit::Jit(std::unique_ptr<State> state) : state(std::move(state)) {}
Jit::~Jit() = default;

Expected<std::unique_ptr<Jit>> Jit::load(std::unique_ptr<MemoryBuffer> object) {
  auto machine = createTargetMachine(describeTarget(""), 2); // initialises the target
  if (!machine)
    return machine.takeError();
  auto state = std::make_unique<State>();
  orc::JITTargetMachineBuilder builder((*machine)->getTargetTriple());
  builder.setCPU((*machine)->getTargetCPU().str());
  auto jit = orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(builder)).create();
  if (!jit)
    return jit.takeError();
  state->jit = std::move(*jit);

  char prefix = state->jit->getDataLayout().getGlobalPrefix();
  state->jit->getMainJITDylib().addGenerator(std::make_unique<RuntimeSymbols>());
  // The process itself need not have been linked with these.
  for (const char *library : {"libm.so.6", "libmvec.so.1"}) {
    auto generator = orc::DynamicLibrarySearchGenerator::Load(library, prefix);
    if (generator)
      state->jit->getMainJITDylib().addGenerator(std::move(*generator));
    else
      consumeError(generator.takeError()); // only code that uses it misses it, and is told so by name
  }
  if (Error error = state->jit->addObjectFile(std::move(object)))
    return error;
  return std::unique_ptr<Jit>(new Jit(std::move(state)));
}

Expected<dl_function> Jit::find(const std::string &symbol) {
  auto address = state->jit->lookup(symbol);
  if (!address)
    return address.takeError();
  return address->toPtr<dl_function>();
}

} // namespace dl::backend
