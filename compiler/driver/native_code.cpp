#include "compiler/driver/native_code.h"

#include "compiler/backend/jit.h"

namespace dl::driver {

struct NativeCode::Jit {
  std::unique_ptr<backend::Jit> jit;
};

NativeCode::NativeCode(std::unique_ptr<Jit> jit) : jit(std::move(jit)) {}
NativeCode::~NativeCode() = default;

std::unique_ptr<NativeCode> NativeCode::load(std::string object, std::string &problem) {
  llvm::Expected<std::unique_ptr<backend::Jit>> loaded =
      backend::Jit::load(llvm::MemoryBuffer::getMemBufferCopy(object, "program"));
  if (!loaded) {
    problem = llvm::toString(loaded.takeError());
    return nullptr;
  }
  return std::unique_ptr<NativeCode>(new NativeCode(std::make_unique<Jit>(Jit{std::move(*loaded)})));
}

dl_function NativeCode::find(const std::string &symbol, std::string &problem) const {
  llvm::Expected<dl_function> function = jit->jit->find(symbol);
  if (!function) {
    problem = llvm::toString(function.takeError());
    return nullptr;
  }
  return *function;
}

} // namespace dl::driver
