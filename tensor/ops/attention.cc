#include "tensor/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/batch_invariant.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"
#include "tensor/planned_device.h"
#include "tensor/tunable.h"

namespace roux {

constinit KernelTable<AttentionKernel> attention_kernels("scaled_dot_product_attention", attention_cost);
constinit KernelTable<AttentionBackwardKernel> attention_backward_kernels(
    "scaled_dot_product_attention_backward", attention_backward_cost);
constinit GradSlot<AttentionSaved> attention_grad("scaled_dot_product_attention", "//autograd/rules");

AttentionTiles attention_tiles(int64_t queries, int64_t keys) {
  // 128 x 512 keeps a tile of scores in a core's cache and its products near the peak; short sequences take
  // fewer rows to waste less work above the diagonal.
  static constinit const Tunable kManyQueries("attention.many_queries", 512, 9),
      kTileRows("attention.tile_rows", 64, 3), kTileCols("attention.tile_cols", 512, 5),
      kShort("attention.short", 64, 6);
  const int64_t whole_cols = (std::max<int64_t>(keys, 1) + 15) / 16 * 16;
  AttentionTiles tiles;
  tiles.rows =
      std::min<int64_t>(queries >= kManyQueries ? 2 * kTileRows : kTileRows, std::max<int64_t>(queries, 1));
  tiles.cols = std::min<int64_t>(kTileCols, whole_cols);
  tiles.short_heads =
      queries <= kShort && keys <= kShort && tiles.rows >= queries && tiles.cols == whole_cols;
  return tiles;
}

TensorSpec attention_workspace_spec(const Tensor& q, const Tensor& k, const Tensor& v, bool backward) {
  if (const DeviceType type = planned_device(q.device().type);
      type == DeviceType::kCuda || type == DeviceType::kEmulated) {
    // Tiles lie in shared memory there; backward keeps a number per row.
    return {q.dtype() == kF64 ? kF64 : kF32, {backward ? q.size(0) * q.size(1) * q.size(2) : 0}};
  }
  const AttentionTiles tiles = attention_tiles(q.size(2), k.size(2));
  const int64_t width = q.size(3), v_width = v.size(3);
  // Tiles of scores, two numbers per row and two rows of a tile.
  int64_t elements = (backward ? 2 : 1) * tiles.rows * tiles.cols + 2 * tiles.rows + 2 * tiles.cols + 32;
  if (q.dtype() == kBF16 || q.dtype() == kF16) {  // and what is converted or summed in f32
    elements += (tiles.rows + tiles.cols) * (width + v_width);
    if (backward) elements += (tiles.rows + k.size(2)) * (width + v_width);
  }
  if (q.dtype() != kF64 && tiles.short_heads) {
    elements += tiles.cols * (width + v_width);  // keys and values with their axes exchanged
  }
  if (!backward && batch_invariant()) elements += k.size(2);  // all scores of a query
  return {q.dtype() == kF64 ? kF64 : kF32, {max_threads(), elements}};
}

AttentionTasks attention_tasks(const Tensor& q, const Tensor& k, const Tensor& bias,
                               const Tensor& distance_bias) {
  AttentionTasks tasks{q.size(0), k.size(1), 1};
  if (distance_bias.defined() || (bias.defined() && bias.size(0) == 1)) tasks.batches = 1;
  if (bias.defined() && bias.size(1) == 1) tasks.groups = 1;
  const int64_t pairs = q.size(0) * k.size(1), apart = std::max<int64_t>(1, tasks.batches * tasks.groups);
  // Eight tasks in all where there are as many pairs: work for eight cores, and at most eight times the bias.
  tasks.parts = std::max<int64_t>(1, std::min(pairs / apart, 8 / apart));
  return tasks;
}

Tensor empty_with_heads_inside(const Shape& shape, DType dtype, Device device) {
  const Tensor memory = empty({dtype, {shape[0], shape[2], shape[1], shape[3]}}, device);
  return alias(memory, shape, {memory.strides()[0], memory.strides()[2], memory.strides()[1], 1}, 0);
}

Tensor attention_ready(const Tensor& x) {
  const bool dense_row = x.strides()[3] == 1 || x.shape()[3] <= 1;
  const bool apart = x.strides()[2] >= x.shape()[3] || x.shape()[2] <= 1;  // not so when expanded along T
  return dense_row && apart ? x : contiguous(x);
}

Strides broadcast_strides(const Tensor& x) {
  Strides strides = x.strides();
  for (int axis = 0; axis < x.dim(); ++axis) {
    if (x.shape()[axis] == 1) strides[axis] = 0;
  }
  return strides;
}

AttentionIntervals::AttentionIntervals(const AttentionCase& options, int64_t queries, int64_t keys)
    : causal_(options.causal),
      window_(options.window),
      queries_(queries),
      keys_(keys),
      position_(per_query(options.position)),
      prefix_(per_query(options.prefix)),
      begin_(per_query(options.begin)),
      end_(per_query(options.end)) {}

AttentionIntervals::PerQuery AttentionIntervals::per_query(const Tensor& x) {
  if (!x.defined()) return {nullptr, {0, 0}};
  const Strides strides = broadcast_strides(x);
  return {x.data<const int32_t>(), {strides[0], strides[1]}};
}

AttentionCase AttentionSaved::get_options() const {
  const auto& o = options;
  return {o.causal,
          o.window,
          o.scale,
          o.softcap,
          o.dropout,
          o.increment,
          o.draw_state.get(),
          o.position.get(),
          o.prefix.get(),
          o.begin.get(),
          o.end.get(),
          o.mask.get(),
          o.bias.get(),
          o.distance_bias.get()};
}

namespace {

DType compute_dtype(DType dtype) { return dtype == kF64 ? kF64 : kF32; }

absl::Status check_broadcast(const char* name, const Tensor& x, bool dtype_fits, absl::string_view dtypes,
                             const Shape& shape) {
  if (!x.defined()) return absl::OkStatus();
  const absl::StatusOr<Shape> broadcast = broadcast_shapes(x.shape(), shape);
  if (dtype_fits && broadcast.ok() && *broadcast == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " does not fit: ", name, " is ", to_string(x.spec()),
                                                 ", needed ", dtypes, ", broadcast to ", to_string(shape)));
}

// The rules beside the specs of q and k.
absl::Status check_rules(const TensorSpec& q, const TensorSpec& k, const AttentionRules& rules) {
  const int64_t batch = q.shape[0], heads = q.shape[1], queries = q.shape[2], keys = k.shape[2];
  const auto check_index = [&](const char* name, const Tensor& x) {
    return check_broadcast(name, x, x.defined() && x.dtype() == kI32, "i32", {batch, queries});
  };
  const Shape scores{batch, heads, queries, keys};
  const std::string floating = q.dtype == compute_dtype(q.dtype)
                                   ? name(q.dtype)
                                   : absl::StrCat(name(q.dtype), " or ", name(compute_dtype(q.dtype)));
  const auto bias_dtype = [&](const Tensor& x) {
    return x.defined() && (x.dtype() == q.dtype || x.dtype() == compute_dtype(q.dtype));
  };
  for (const absl::Status& status :
       {check_index("position", rules.position), check_index("prefix", rules.prefix),
        check_index("begin", rules.begin), check_index("end", rules.end),
        check_broadcast("mask", rules.mask, rules.mask.defined() && rules.mask.dtype() == kBool, "bool",
                        scores),
        check_broadcast("bias", rules.bias, bias_dtype(rules.bias), floating, scores)}) {
    if (!status.ok()) return status;
  }
  if (const Tensor& x = rules.documents; x.defined()) {
    const bool fits = (x.dtype() == kI32 || x.dtype() == kI64) && queries == keys &&
                      (x.shape() == Shape{queries} || x.shape() == Shape{batch, queries});
    if (!fits || rules.position.defined() || rules.begin.defined() || rules.end.defined()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "documents does not fit: documents is ", to_string(x.spec()), ", q is ", to_string(q), ", k is ",
          to_string(k), ", needed i32 or i64 ", to_string(Shape{queries}), " or ",
          to_string(Shape{batch, queries}), " of as many keys, without begin, end and position"));
    }
  }
  if (rules.distance_bias.defined()) {
    const Tensor& x = rules.distance_bias;
    const int64_t least = rules.position.defined() ? keys : std::max(queries, keys);
    if (!bias_dtype(x) || x.dim() != 2 || x.shape()[0] != heads || x.shape()[1] % 2 == 0 ||
        x.shape()[1] < 2 * least - 1) {
      return absl::InvalidArgumentError(absl::StrCat("distance_bias does not fit: distance_bias is ",
                                                     to_string(x.spec()), ", needed ", floating, " [", heads,
                                                     ", 2 M - 1] with M >= ", std::max<int64_t>(least, 1)));
    }
  }
  if (rules.window < 0 || (rules.window > 0 && (!rules.causal || rules.prefix.defined()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("window is ", rules.window, " with causal ", rules.causal ? "true" : "false",
                     " and prefix ", rules.prefix.defined() ? "given" : "not given",
                     ", needed none (0), or one with causal and without prefix"));
  }
  if (rules.prefix.defined() && !rules.causal) {
    return absl::InvalidArgumentError("prefix is given with causal false, where all keys are seen");
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorSpec> attention_spec(const TensorSpec& q, const TensorSpec& k, const TensorSpec& v,
                                          const AttentionRules& rules) {
  auto fail = [&](absl::string_view what, absl::string_view needed) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": q is ", to_string(q), ", k is ", to_string(k),
                                                   ", v is ", to_string(v), ", needed ", needed));
  };
  if (!is_floating(q.dtype) || q.dtype != k.dtype || q.dtype != v.dtype) {
    return fail("dtypes differ or are not supported", "one floating dtype");
  }
  const Shape &sq = q.shape, &sk = k.shape, &sv = v.shape;
  if (sq.rank() != 4 || sk.rank() != 4 || sv.rank() != 4 || sq[0] != sk[0] || sq[0] != sv[0] ||
      sk[1] != sv[1] || sk[2] != sv[2] || sq[3] != sk[3]) {
    return fail("shapes do not match", "q [B, H, T, D], k [B, G, S, D] and v [B, G, S, E]");
  }
  if (sk[1] == 0 || sq[1] % sk[1] != 0) {
    return fail("heads do not group", "the number of key-value heads to divide that of query heads");
  }
  if (const absl::Status status = check_rules(q, k, rules); !status.ok()) return status;
  return TensorSpec{q.dtype, {sq[0], sq[1], sq[2], sv[3]}};
}

// x with axes of size 1 in front, up to `rank`.
Tensor with_rank(const Tensor& x, int rank) {
  if (!x.defined() || x.dim() == rank) return x;
  Shape shape = x.shape();
  while (shape.rank() < rank) shape.insert(0, 1);
  return expand(x, shape);
}

// Checks everything; draws, where there is dropout.
AttentionCase checked_case(const char* op, const Tensor& q, const Tensor& k, const Tensor& v,
                           const AttentionOptions& options) {
  AttentionRules rules = options.rules;
  const Device device = common_device(op, {q, k, v},
                                      {rules.position, rules.prefix, rules.begin, rules.end, rules.mask,
                                       rules.bias, rules.distance_bias, rules.documents});
  or_throw(attention_spec(q.spec(), k.spec(), v.spec(), rules), op);
  if (rules.documents.defined()) {
    const DocumentBounds bounds = document_bounds(rules.documents);
    rules.begin = bounds.begin, rules.end = bounds.end;
  }
  ROUX_CHECK(options.softcap >= 0 && std::isfinite(options.softcap))
      << op << ": softcap is " << options.softcap << ", needed 0 (none) or a finite one above";
  ROUX_CHECK(options.dropout >= 0 && options.dropout < 1)
      << op << ": dropout is " << options.dropout << ", needed 0 <= dropout < 1";
  AttentionCase c;
  c.causal = rules.causal;
  c.window = rules.window;
  c.scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(q.size(3), 1))));
  ROUX_CHECK(std::isfinite(c.scale)) << op << ": scale is " << c.scale << ", needed a finite one";
  c.softcap = options.softcap;
  c.dropout = options.dropout;
  c.position = with_rank(rules.position, 2);
  c.prefix = with_rank(rules.prefix, 2);
  c.begin = with_rank(rules.begin, 2);
  c.end = with_rank(rules.end, 2);
  c.mask = with_rank(rules.mask, 4);
  c.bias = with_rank(rules.bias, 4);
  c.distance_bias = rules.distance_bias;
  c.rows_alone = batch_invariant();
  ROUX_CHECK(!c.rows_alone || device == kCpu || device == kMeta)
      << op << ": batch-invariant attention is the CPU's: q is on " << device;
  if (options.dropout > 0) {
    ROUX_CHECK(options.generator != nullptr)
        << op << ": dropout is " << options.dropout << " without a generator";
    ROUX_CHECK(options.generator->device() == device || device == kMeta)
        << op << ": the generator is on " << options.generator->device() << ", q is on " << device;
    const RandomState draw = options.generator->next();
    c.draw_state = draw.state;
    c.increment = draw.increment;
  }
  return c;
}

Tensor detached(const Tensor& x) { return x.defined() ? x.detach() : x; }

AttentionPart attention_fused(const Tensor& q, const Tensor& k, const Tensor& v, AttentionCase c,
                              bool with_lse) {
  const DType compute = compute_dtype(q.dtype());
  if (c.bias.defined()) c.bias = c.bias.to(compute);
  if (c.distance_bias.defined()) c.distance_bias = c.distance_bias.to(compute).contiguous();
  const Shape shape{q.size(0), q.size(1), q.size(2), v.size(3)}, rows{shape[0], shape[1], shape[2]};
  AttentionPart part{empty_with_heads_inside(shape, q.dtype(), q.device()), {}};
  if (with_lse) part.lse = empty({compute, rows}, q.device());
  Tensor dense_q, dense_k, dense_v, exact_y, row_stats;
  AttentionCase given = c;
  const bool recorded = attention_grad.wants({q, k, v, c.bias, c.distance_bias});
  {
    NoGradGuard no_grad;
    dense_q = attention_ready(q).detach();
    dense_k = attention_ready(k).detach();
    dense_v = attention_ready(v).detach();
    given.bias = detached(c.bias);
    given.distance_bias = detached(c.distance_bias);
    // Backward subtracts <grad_y, y>: from a rounded y its error would be that of a sum of roundings.
    if (recorded && q.dtype() != compute) exact_y = empty_with_heads_inside(shape, compute, q.device());
    row_stats = empty({compute, {2, rows[0], rows[1], rows[2]}}, q.device());
    Tensor workspace = empty(attention_workspace_spec(q, k, v, false), q.device());
    attention_kernels.run(q, dense_q, dense_k, dense_v, given, workspace, part.y, exact_y, row_stats,
                          part.lse);
  }
  const auto saved = [&] {
    return AttentionSaved{dense_q,
                          dense_k,
                          dense_v,
                          exact_y.defined() ? SavedTensor(exact_y) : SavedTensor::output(part.y),
                          row_stats,
                          {given.causal, given.window, given.scale, given.softcap, given.dropout,
                           given.increment, given.draw_state, given.position, given.prefix, given.begin,
                           given.end, given.mask, given.bias, given.distance_bias},
                          with_lse};
  };
  Tensor* const outputs[] = {&part.y, &part.lse};
  attention_grad.record_all({q, k, v, c.bias, c.distance_bias},
                            absl::MakeConstSpan(outputs, with_lse ? 2 : 1), saved);
  return part;
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  return attention_fused(q, k, v, checked_case("scaled_dot_product_attention", q, k, v, options), false).y;
}
Tensor scaled_dot_product_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionOptions& options) {
  return attention_composed(q, k, v, checked_case("scaled_dot_product_attention", q, k, v, options)).y;
}
AttentionPart attention_with_lse(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionOptions& options) {
  return attention_fused(q, k, v, checked_case("attention_with_lse", q, k, v, options), true);
}
AttentionPart attention_with_lse_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                          const AttentionOptions& options) {
  return attention_composed(q, k, v, checked_case("attention_with_lse", q, k, v, options));
}

}  // namespace roux
