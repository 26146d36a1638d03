#include "tensor/processor.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace roux {
namespace {

enum class Isa { kAvx2, kAvx512, kAmx };

// Asked for before main, where an exception could not be caught.
Isa most_allowed() {
  static const Isa most = [] {
    const char* text = std::getenv("ROUX_MAX_ISA");
    const std::string_view name = text == nullptr ? "" : text;
    if (name.empty() || name == "amx") return Isa::kAmx;
    if (name == "avx512") return Isa::kAvx512;
    if (name == "avx2") return Isa::kAvx2;
    std::fprintf(stderr, "ROUX_MAX_ISA is '%s', needed avx2, avx512 or amx\n", text);
    std::exit(2);
  }();
  return most;
}

// Linux lets a process use tiles only once it has asked (asm/prctl.h, arch/x86/include/asm/fpu/types.h).
bool may_use_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  static const bool may = most_allowed() == Isa::kAmx && __builtin_cpu_supports("amx-tile") &&
                          ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return may;
}

}  // namespace

bool has_avx512() {
  static const bool has = most_allowed() >= Isa::kAvx512 && __builtin_cpu_supports("x86-64-v4");
  return has;
}
bool has_vnni() {
  static const bool has = has_avx512() && __builtin_cpu_supports("avx512vnni");
  return has;
}
bool has_avx512_bf16() {
  static const bool has = has_avx512() && __builtin_cpu_supports("avx512bf16");
  return has;
}
bool has_amx_bf16() {
  static const bool has = has_avx512_bf16() && __builtin_cpu_supports("amx-bf16") && may_use_tiles();
  return has;
}
bool has_amx_int8() {
  static const bool has = has_avx512() && __builtin_cpu_supports("amx-int8") && may_use_tiles();
  return has;
}

}  // namespace roux
