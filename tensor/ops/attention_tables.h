// What tensor/cpu, cuda and autograd fill for the attention family.
#ifndef ROUX_TENSOR_OPS_ATTENTION_TABLES_H_
#define ROUX_TENSOR_OPS_ATTENTION_TABLES_H_

#include "tensor/macros.h"
#include "tensor/ops/attention.h"
#include "tensor/tables.h"

namespace roux {

// What a call asks for beside q, k and v. T: Tensor, or SavedTensor in the graph.
template <class T>
struct AttentionCaseOf {
  bool causal = false;
  int64_t window = 0;
  double scale = 1, softcap = 0, dropout = 0;
  int64_t increment = 0;           // dropout's draw: this and draw_state
  T draw_state;                    // i64[2]; undefined without dropout
  T position, prefix, begin, end;  // undefined or i32 [B, T]; here and below an axis may have size 1 instead
  T mask;                          // undefined or bool [B, H, T, S]
  T bias;                          // undefined or [B, H, T, S] in the compute dtype
  T distance_bias;                 // undefined or [H, 2 M - 1] in the compute dtype, contiguous
  bool rows_alone = false;         // forward: each query in an order of its own (batch_invariant.h)
};
using AttentionCase = AttentionCaseOf<Tensor>;

// q [B, H, T, D], k [B, G, S, D], v [B, G, S, E], y [B, H, T, E] with any strides but 1 on the last axis.
// row_stats [2, B, H, T] f32 (f64 for f64), contiguous, is what backward makes the weights from again: the
// largest score of each row (-inf where a row looks at nothing), in units of the device's own, and the log of
// the sum of the exponentials of the scores below it. As one number they would carry the rounding of the
// larger one. lse: undefined or [B, H, T] like row_stats, that number. exact_y: undefined, or with 16-bit
// dtypes y in f32 before it is rounded. Overwrites y, exact_y, row_stats and lse.
using AttentionKernel = void(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options,
                             Tensor& workspace, Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse);
// q, k, v: overwritten; strides as above. bias [parts, the bias's own shape] and distance_bias [parts, H,
// 2 M - 1] in the compute dtype, contiguous, undefined where not asked for: added to; their sum over the
// parts is the gradient.
struct AttentionGradients {
  Tensor q, k, v, bias, distance_bias;
};
// grad_lse: undefined or as lse. exact_y: y in the compute dtype.
using AttentionBackwardKernel = void(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q,
                                     const Tensor& k, const Tensor& v, const AttentionCase& options,
                                     const Tensor& exact_y, const Tensor& row_stats, Tensor& workspace,
                                     AttentionGradients& grad);
extern constinit KernelTable<AttentionKernel> attention_kernels;
extern constinit KernelTable<AttentionBackwardKernel> attention_backward_kernels;
// The products of queries with the keys that they see (a mask is no reason to skip one): 2 forward; 5 in
// backward, which makes the scores again. No count where intervals lie in a GPU's memory.
KernelTable<AttentionKernel>::CostRule attention_cost;
KernelTable<AttentionBackwardKernel>::CostRule attention_backward_cost;

// The interval of keys that each query sees, in kernels of all devices.
struct KeyInterval {
  int64_t begin, end;  // 0 <= begin <= end <= S
};
class AttentionIntervals {
 public:
  AttentionIntervals() = default;
  AttentionIntervals(const AttentionCase& options, int64_t queries, int64_t keys);

  ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE int64_t own(int64_t b, int64_t t) const {
    return position_.data ? position_.at(b, t) : t + keys_ - queries_;
  }
  ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE KeyInterval seen_by(int64_t b, int64_t t) const {
    int64_t begin = 0, end = keys_;
    if (causal_) {
      const int64_t next = own(b, t) + 1, prefix = prefix_.data ? prefix_.at(b, t) : 0;
      const int64_t causal_end = next > prefix ? next : prefix;
      if (causal_end < end) end = causal_end;
      if (window_ > 0 && next - window_ > begin) begin = next - window_;
    }
    if (begin_.data && begin_.at(b, t) > begin) begin = begin_.at(b, t);
    if (end_.data && end_.at(b, t) < end) end = end_.at(b, t);
    return begin < end ? KeyInterval{begin, end} : KeyInterval{0, 0};
  }

 private:
  struct PerQuery {
    const int32_t* data;
    int64_t stride[2];
    ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE int64_t at(int64_t b, int64_t t) const {
      return data[b * stride[0] + t * stride[1]];
    }
  };
  static PerQuery per_query(const Tensor& x);

  bool causal_;
  int64_t window_, queries_, keys_;
  PerQuery position_, prefix_, begin_, end_;
};
// The strides of a tensor whose axes of size 1 stand for any size.
Strides broadcast_strides(const Tensor& x);

// The tiles of the CPU kernels and their scratch: [threads, elements] of the compute dtype. CUDA kernels keep
// theirs in shared memory; backward gets [B H T] there.
struct AttentionTiles {
  static constexpr int64_t kMaxRows = 128;
  int64_t rows, cols;  // of a tile of scores
  bool short_heads;    // one tile holds all scores of a head, few enough for f32's own kernels
};
AttentionTiles attention_tiles(int64_t queries, int64_t keys);
TensorSpec attention_workspace_spec(const Tensor& q, const Tensor& k, const Tensor& v, bool backward);
// The tasks of the CPU's backward: batches x groups x parts. Pairs of batch and key-value head that add to
// the same gradient of a bias are shared out to `parts` tasks, each with a sum of its own. bias [B, H, T, S],
// distance_bias: undefined where no gradient is asked for. A function of shapes alone.
struct AttentionTasks {
  int64_t batches, groups;  // B or 1, G or 1
  int64_t parts;
};
AttentionTasks attention_tasks(const Tensor& q, const Tensor& k, const Tensor& bias,
                               const Tensor& distance_bias);
// Memory like x [B, H, T, D] whose heads lie beside each other: [B, T, H, D].
Tensor empty_with_heads_inside(const Shape& shape, DType dtype, Device device);
Tensor attention_ready(const Tensor& x);  // x, copied unless its rows are dense and lie apart

struct AttentionSaved {
  SavedTensor q, k, v, exact_y, row_stats;
  AttentionCaseOf<SavedTensor> options;
  bool with_lse;
  AttentionCase get_options() const;
};
extern constinit GradSlot<AttentionSaved> attention_grad;  // of q, k, v, bias, distance_bias
// In primitives, with the draw that the case names.
AttentionPart attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionCase& options);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ATTENTION_TABLES_H_
