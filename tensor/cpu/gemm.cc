#include "tensor/cpu/gemm.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tensor/cpu/gemm_amx.h"
#include "tensor/error.h"
#include "tensor/openblas.h"
#include "tensor/processor.h"

// oneDNN's threads are libgomp's, whichever compiler built us; clang has no <omp.h> of it.
extern "C" {
int omp_get_max_threads();
void omp_set_num_threads(int count);
}

namespace roux::cpu {
namespace {

// Keeps a library call on the calling thread.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

// Signals other than those of crashes wait until the end of the scope; see gemm.h.
class SignalsWait {
 public:
  SignalsWait() {
    static const sigset_t waiting = [] {
      sigset_t set;
      sigfillset(&set);
      for (const int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
        sigdelset(&set, crash);
      return set;
    }();
    ::pthread_sigmask(SIG_BLOCK, &waiting, &before_);
  }
  ~SignalsWait() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};

template <class T>
bool nothing_to_add(int64_t m, int64_t n, int64_t k, bool accumulate, T* c, int64_t ldc) {
  if (m == 0 || n == 0) return true;
  if (k > 0) return false;
  for (int64_t i = 0; !accumulate && i < m; ++i) std::fill_n(c + i * ldc, n, T(0.0f));
  return true;
}

// What decides a bf16 primitive: m, n, k, the operands' leading dimensions (negative: transposed), ldc, and
// flags for accumulation and an f32 result.
using Bf16Key = std::array<int64_t, 7>;
struct Bf16KeyHash {
  size_t operator()(const Bf16Key& key) const {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int64_t value : key)
      hash = (hash ^ static_cast<uint64_t>(value)) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
  }
};
struct Bf16Primitive {
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul matmul;
};

// Before main: oneDNN chooses its kernels at its first use.
const bool kOneDnnChooses = has_avx512() || dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2) == dnnl_success;

dnnl::engine& engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::memory::desc matrix_desc(int64_t rows, int64_t cols, int64_t ld, bool transposed,
                               dnnl::memory::data_type type) {
  return {{rows, cols}, type, transposed ? dnnl::memory::dims{1, ld} : dnnl::memory::dims{ld, 1}};
}

Bf16Primitive make_primitive(const Bf16Key& key) {
  const auto [m, n, k, lda, ldb, ldc, flags] = key;
  using Type = dnnl::memory::data_type;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (flags & 1) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  dnnl::matmul::primitive_desc desc(
      dnnl::matmul::desc(matrix_desc(m, k, std::abs(lda), lda < 0, Type::bf16),
                         matrix_desc(k, n, std::abs(ldb), ldb < 0, Type::bf16),
                         matrix_desc(m, n, ldc, false, flags & 2 ? Type::f32 : Type::bf16)),
      attributes, engine());
  return {desc, dnnl::matmul(desc)};
}

template <class C>
void gemm_bf16(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b,
               bool accumulate, C* c, int64_t ldc) {
  if (nothing_to_add(m, n, k, accumulate, c, ldc)) return;
  if (has_amx_bf16()) return gemm_amx(m, n, k, a, b, accumulate, c, ldc);
  const OneThread one_thread;
  constexpr size_t kMostPrimitives = 512;
  thread_local std::unordered_map<Bf16Key, Bf16Primitive, Bf16KeyHash> primitives;
  thread_local std::vector<char> scratch;
  thread_local dnnl::stream stream(engine());
  const Bf16Key key{m,
                    n,
                    k,
                    a.transposed ? -a.ld : a.ld,
                    b.transposed ? -b.ld : b.ld,
                    ldc,
                    (accumulate ? 1 : 0) | (sizeof(C) == 4 ? 2 : 0)};
  auto found = primitives.find(key);
  if (found == primitives.end()) {
    if (primitives.size() >= kMostPrimitives) primitives.clear();
    found = primitives.emplace(key, make_primitive(key)).first;
  }
  const dnnl::matmul::primitive_desc& desc = found->second.desc;
  const size_t scratch_bytes = desc.scratchpad_desc().get_size() + 64;
  if (scratch.size() < scratch_bytes) scratch.resize(scratch_bytes);
  char* aligned = scratch.data() + (-reinterpret_cast<uintptr_t>(scratch.data()) & 63);
  dnnl::memory a_memory(desc.src_desc(), engine(), const_cast<bfloat16*>(a.data));
  dnnl::memory b_memory(desc.weights_desc(), engine(), const_cast<bfloat16*>(b.data));
  dnnl::memory c_memory(desc.dst_desc(), engine(), c);
  dnnl::memory scratch_memory(desc.scratchpad_desc(), engine(), aligned);
  found->second.matmul.execute(stream, {{DNNL_ARG_SRC, a_memory},
                                        {DNNL_ARG_WEIGHTS, b_memory},
                                        {DNNL_ARG_DST, c_memory},
                                        {DNNL_ARG_SCRATCHPAD, scratch_memory}});
}

using Dgemm = void(int order, int trans_a, int trans_b, int m, int n, int k, double alpha, const double* a,
                   int lda, const double* b, int ldb, double beta, double* c, int ldc);

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<float> a, GemmOperand<float> b, bool accumulate,
          float* c, int64_t ldc) {
  if (nothing_to_add(m, n, k, accumulate, c, ldc)) return;
  const OneThread one_thread;
  constexpr int64_t kDepthOnTheStack = 84;  // of the AVX-512 kernels; 252 of those for AVX2
  std::optional<SignalsWait> signals_wait;
  if (k > kDepthOnTheStack) signals_wait.emplace();
  const dnnl_status_t status = dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, 1.0f,
                                          a.data, a.ld, b.data, b.ld, accumulate ? 1.0f : 0.0f, c, ldc);
  ROUX_INVARIANT(status == dnnl_success);
}

void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<double> a, GemmOperand<double> b, bool accumulate,
          double* c, int64_t ldc) {
  if (nothing_to_add(m, n, k, accumulate, c, ldc)) return;
  static Dgemm* const dgemm = openblas_function<Dgemm>("cblas_dgemm");
  constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;
  dgemm(kRowMajor, a.transposed ? kTrans : kNoTrans, b.transposed ? kTrans : kNoTrans, static_cast<int>(m),
        static_cast<int>(n), static_cast<int>(k), 1.0, a.data, static_cast<int>(a.ld), b.data,
        static_cast<int>(b.ld), accumulate ? 1.0 : 0.0, c, static_cast<int>(ldc));
}

void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b, bool accumulate,
          bfloat16* c, int64_t ldc) {
  gemm_bf16(m, n, k, a, b, accumulate, c, ldc);
}
void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<bfloat16> a, GemmOperand<bfloat16> b, bool accumulate,
          float* c, int64_t ldc) {
  gemm_bf16(m, n, k, a, b, accumulate, c, ldc);
}

void gemm(int64_t m, int64_t n, int64_t k, GemmOperand<float> a, GemmOperand<bfloat16> b, bool accumulate,
          float* c, int64_t ldc) {
  ROUX_INVARIANT(has_mixed_gemm());
  if (nothing_to_add(m, n, k, accumulate, c, ldc)) return;
  gemm_amx(m, n, k, a, b, accumulate, c, ldc);
}

bool has_mixed_gemm() { return has_amx_bf16(); }
bool has_bf16_gemm() {
  static const bool has = has_amx_bf16() || (__builtin_cpu_is("amd") && has_avx512_bf16());
  return has;
}

}  // namespace roux::cpu
