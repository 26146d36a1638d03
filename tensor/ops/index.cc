#include "tensor/ops/index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/index_tables.h"
#include "tensor/ops/on_behalf.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/view.h"

namespace roux {

namespace {

constexpr const char* kRules = "//autograd/rules";

// What the indices name is moved, not all of the tensor that they index.
OpCost gather_cost(const Tensor&, int, const Tensor& index, Tensor& y) {
  return {distinct_bytes(index) + distinct_bytes(y), distinct_bytes(y)};
}
OpCost embedding_cost(const Tensor&, const Tensor& ids, Tensor& y) {
  return {distinct_bytes(ids) + distinct_bytes(y), distinct_bytes(y)};
}
OpCost scatter_add_cost(const Tensor& source, int, const Tensor& index, Tensor& y) {
  const int64_t sums = source.numel() * static_cast<int64_t>(size_of(y.dtype()));
  return {distinct_bytes(source) + distinct_bytes(index) + sums, sums};
}

}  // namespace
constinit KernelTable<GatherKernel> gather_kernels("gather", gather_cost);
constinit KernelTable<ScatterAddKernel> scatter_add_kernels("scatter_add", scatter_add_cost);
constinit KernelTable<EmbeddingKernel> embedding_kernels("embedding", embedding_cost);
constinit KernelTable<EmbeddingBackwardKernel> embedding_backward_kernels("embedding_backward");
constinit KernelTable<LastWriterKernel> last_writer_kernels("scatter");
constinit KernelTable<TriangleKernel> tril_kernels("tril");
constinit GradSlot<CatSaved> cat_grad("cat", kRules);
constinit GradSlot<GatherSaved> gather_grad("gather", kRules), scatter_add_grad("scatter_add", kRules);
constinit GradSlot<EmbeddingSaved> embedding_grad("embedding", kRules),
    embedding_backward_grad("embedding_backward", kRules);
constinit GradSlot<TriangleSaved> tril_grad("tril", kRules);

namespace {

void check_index(const char* op, const char* argument, const Tensor& index) {
  ROUX_CHECK(index.dtype() == kI32 || index.dtype() == kI64)
      << op << ": " << argument << " must be i32 or i64: " << argument << " is " << index.spec();
}

// index and the indexed tensor agree on all axes but one.
int check_gather(const char* op, const char* indexed, const TensorSpec& spec, int64_t axis,
                 const Tensor& index) {
  check_index(op, "index", index);
  const int at = or_throw(normalize_axis(axis, spec, indexed), op);
  const Shape& shape = spec.shape;
  bool fits = index.dim() == shape.rank();
  for (int i = 0; fits && i < shape.rank(); ++i) fits = i == at || index.shape()[i] == shape[i];
  ROUX_CHECK(fits) << op << ": index must have the shape of " << indexed << " but for axis " << axis << ": "
                   << indexed << " is " << spec << ", index is " << index.spec();
  return at;
}

Tensor triangle(const Tensor& x, int64_t k, bool lower, const char* op) {
  common_device(op, {x});
  ROUX_CHECK(x.dim() >= 2) << op << ": x needs at least two axes: x is " << x.spec();
  k = std::clamp(k, -x.size(-2), x.size(-1));  // beyond them nothing changes, and row + k fits
  Tensor y = empty(x.spec(), x.device());
  tril_kernels.run(x, x.contiguous(), k, lower, y);
  return tril_grad.record({x}, y, [&] { return TriangleSaved{k, lower}; });
}

}  // namespace

Tensor cat(absl::Span<const Tensor> tensors, int64_t axis) {
  ROUX_CHECK(!tensors.empty()) << "cat: needs at least one tensor";
  common_device("cat", {tensors[0]});
  DType dtype = tensors[0].dtype();
  bool promotes = false;
  for (const Tensor& x : tensors) {
    common_device("cat", {tensors[0], x});
    dtype = promote(dtype, x.dtype());
    promotes |= x.dtype() != tensors[0].dtype();
  }
  if (promotes) {
    std::vector<Tensor> same;
    for (const Tensor& x : tensors) same.push_back(cast(x, dtype));
    return cat(same, axis);
  }
  const int at = or_throw(normalize_axis(axis, tensors[0].spec(), "tensors[0]"), "cat");
  TensorSpec spec = tensors[0].spec();
  std::vector<int64_t> sizes;
  spec.shape[at] = 0;
  for (const Tensor& x : tensors) {
    Shape other = x.shape();
    const int64_t size = at < other.rank() ? other[at] : 0;
    if (at < other.rank()) other[at] = spec.shape[at];
    ROUX_CHECK(other == spec.shape) << "cat: shapes differ beside axis " << axis << ": " << tensors[0].spec()
                                    << " and " << x.spec();
    sizes.push_back(size);
    spec.shape[at] += size;
  }
  Tensor y = empty(spec, tensors[0].device());
  int64_t begin = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Tensor target = alias(y, tensors[i].shape(), y.strides(), begin * y.strides()[at]);
    cast_kernels.run(tensors[i], tensors[i], target);
    begin += sizes[i];
  }
  return cat_grad.record_list(tensors, y, [&] { return CatSaved{at, sizes}; });
}

Tensor gather(const Tensor& x, int64_t axis, const Tensor& index) {
  common_device("gather", {x, index});
  const int at = check_gather("gather", "x", x.spec(), axis, index);
  Tensor y = empty({x.dtype(), index.shape()}, x.device());
  gather_kernels.run(x, x.contiguous(), at, index.contiguous(), y);
  return gather_grad.record({x}, y, [&] { return GatherSaved{index, x.shape(), at}; });
}

Tensor scatter_add(const Shape& shape, int64_t axis, const Tensor& index, const Tensor& source) {
  common_device("scatter_add", {index, source});
  const int at = check_gather("scatter_add", "the result", {source.dtype(), shape}, axis, index);
  ROUX_CHECK(source.shape() == index.shape()) << "scatter_add: source is " << source.spec() << ", index is "
                                              << index.spec() << ", needed equal shapes";
  ROUX_CHECK(kNumeric.contains(source.dtype()))
      << "scatter_add: source must be numeric: source is " << source.spec();
  const bool half = size_of(source.dtype()) == 2;
  Tensor sums = zeros(shape, half ? kF32 : source.dtype(), source.device());
  scatter_add_kernels.run(source, source.contiguous(), at, index.contiguous(), sums);
  Tensor y = cast(sums, source.dtype());
  return scatter_add_grad.record({source}, y, [&] { return GatherSaved{index, shape, at}; });
}

namespace {
// Rows of any dtype, blocks as they are; those of nf4_dq, which have no other place, as nf4.
Tensor gather_rows(const Tensor& weight, const Tensor& ids) {
  common_device("embedding", {weight, ids});
  check_index("embedding", "ids", ids);
  ROUX_CHECK(weight.dim() == 2) << "embedding: weight must be [V, D]: weight is " << weight.spec();
  Shape shape = ids.shape();
  shape.push_back(weight.shape()[1]);
  Tensor y = empty({weight.dtype() == kNF4_DQ ? kNF4 : weight.dtype(), shape}, weight.device());
  embedding_kernels.run(weight, weight.contiguous(), ids.contiguous(), y);
  return embedding_grad.record({weight}, y, [&] { return EmbeddingSaved{ids, weight.shape()[0]}; });
}
}  // namespace

Tensor embedding(const Tensor& weight, const Tensor& ids) {
  const Tensor rows = gather_rows(weight, ids);
  return is_block(rows.dtype()) ? dequantize(rows, kF32) : rows;
}

Tensor embedding_backward(const Tensor& grad, const Tensor& ids, int64_t rows) {
  common_device("embedding_backward", {grad, ids});
  check_index("embedding_backward", "ids", ids);
  Shape expected = ids.shape();
  expected.push_back(grad.dim() > 0 ? grad.shape().back() : 0);
  ROUX_CHECK(grad.shape() == expected)
      << "embedding_backward: grad must have the shape of ids and one more axis: grad is " << grad.spec()
      << ", ids is " << ids.spec();
  Tensor y = empty({grad.dtype(), {rows, expected.back()}}, grad.device());
  Tensor order = empty({kI64, {2 * ids.numel() + rows + 1}}, grad.device());
  embedding_backward_kernels.run(grad, grad.contiguous(), ids.contiguous(), order, y);
  return embedding_backward_grad.record({grad}, y, [&] { return EmbeddingSaved{ids, rows}; });
}

namespace {

// x [..., n, ...] as rows [n, the rest], and the way back from rows [k, the rest] to [..., k, ...].
Tensor to_rows(const Tensor& x, int at) {
  Shape rest = x.shape();
  rest.erase(at);
  return reshape(transpose(x, 0, at), {x.shape()[at], numel(rest)});
}
Tensor from_rows(const Tensor& rows, const Shape& like, int at) {
  Shape shape = like;
  shape[at] = like[0];
  shape[0] = rows.shape()[0];
  return contiguous(transpose(reshape(rows, shape), 0, at));
}

int check_slices(const char* op, const Tensor& x, int64_t axis, const Tensor& index) {
  check_index(op, "index", index);
  ROUX_CHECK(index.dim() == 1) << op << ": index must be [K]: index is " << index.spec();
  return or_throw(normalize_axis(axis, x.spec(), "x"), op);
}

}  // namespace

Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index) {
  common_device("index_select", {x, index});
  const int at = check_slices("index_select", x, axis, index);
  return on_behalf("index_select", {{"ids", "index"}},
                   [&] { return from_rows(gather_rows(to_rows(x, at), index), x.shape(), at); });
}

Tensor index_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  common_device("index_add", {x, index, source});
  const int at = check_slices("index_add", x, axis, index);
  TensorSpec needed = x.spec();
  needed.shape[at] = index.numel();
  ROUX_CHECK(source.spec() == needed && is_floating(x.dtype()))
      << "index_add: source does not fit: x is " << x.spec() << ", index is " << index.spec()
      << ", source is " << source.spec() << ", needed " << needed << " of a floating dtype";
  if (size_of(x.dtype()) == 2) {  // the result alone is rounded
    return cast(index_add(cast(x, kF32), axis, index, cast(source, kF32)), x.dtype());
  }
  return on_behalf("index_add", {{"ids", "index"}}, [&] {
    return x + from_rows(embedding_backward(to_rows(source, at), index, x.shape()[at]), x.shape(), at);
  });
}

Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  common_device("scatter", {x, index, source});
  const int at = check_gather("scatter", "x", x.spec(), axis, index);
  ROUX_CHECK(source.shape() == index.shape() && source.dtype() == x.dtype())
      << "scatter: source does not fit: x is " << x.spec() << ", index is " << index.spec() << ", source is "
      << source.spec() << ", needed index's shape and x's dtype";
  if (index.numel() == 0) return x;
  Tensor winner = full(x.shape(), -1, kI64, x.device());
  last_writer_kernels.run(index, index.contiguous(), at, winner);
  const Tensor written = gather(source, at, clamp(winner, 0, index.shape()[at] - 1));
  return where(lt(winner, 0), x, written);
}

Tensor index_put(const Tensor& x, absl::Span<const Tensor> indices, const Tensor& values, bool accumulate) {
  common_device("index_put", {x, values});
  for (const Tensor& index : indices) common_device("index_put", {x, index});
  const int count = static_cast<int>(indices.size());
  ROUX_CHECK(count > 0 && count <= x.dim())
      << "index_put: needs 1 to " << x.dim() << " indices, got " << count << ": x is " << x.spec();
  ROUX_CHECK(values.dtype() == x.dtype())
      << "index_put: values must have x's dtype: x is " << x.spec() << ", values is " << values.spec();
  for (const Tensor& index : indices) check_index("index_put", "indices", index);
  return on_behalf("index_put", {{"ids", "indices"}, {"source", "values"}}, [&] {
    // The place in the first axes, taken together. A table of multiples checks each index on its way.
    Tensor place;
    int64_t stride = 1;
    for (int i = count - 1; i >= 0; --i) {
      const int64_t n = x.shape()[i];
      const Tensor multiples = arange(0, n, 1, kI64, x.device()) * stride;
      const Tensor part = reshape(embedding(unsqueeze(multiples, 1), indices[i]), indices[i].shape());
      place = place.defined() ? place + part : part;
      stride *= n;
    }
    Shape shape = place.shape(), rows{stride, 1};
    for (int i = count; i < x.dim(); ++i) {
      shape.push_back(x.shape()[i]);
      rows[1] *= x.shape()[i];
    }
    const int64_t places = place.numel();
    const Tensor flat = reshape(x, rows), source = reshape(expand(values, shape), {places, rows[1]});
    place = reshape(place, {places});
    const Tensor y = accumulate ? index_add(flat, 0, place, source)
                                : scatter(flat, 0, expand(unsqueeze(place, 1), source.shape()), source);
    return reshape(y, x.shape());
  });
}

Tensor one_hot(const Tensor& ids, int64_t classes, DType dtype) {
  common_device("one_hot", {ids});
  ROUX_CHECK(classes >= 0) << "one_hot: classes must not be negative: " << classes;
  Shape shape = ids.shape();
  shape.push_back(classes);
  return on_behalf("one_hot", {{"index", "ids"}}, [&] {
    const Tensor at = unsqueeze(ids, -1);
    return scatter_add(shape, -1, at, ones(at.shape(), dtype, ids.device()));
  });
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value) {
  common_device("masked_fill", {x, mask});
  return on_behalf("masked_fill", {{"condition", "mask"}, {"a", "value"}, {"b", "x"}},
                   [&] { return where(mask, full({}, value, x.dtype(), x.device()), x); });
}

Tensor nonzero(const Tensor& x) {
  common_device("nonzero", {x});
  ROUX_CHECK(x.device().type != DeviceType::kMeta)
      << "nonzero: " << x.spec() << " is on meta and has no values";
  const Tensor host = contiguous(to_device(cast(x, kBool).detach(), kCpu));
  const bool* set = host.data<const bool>();
  std::vector<int64_t> places;
  Dims at = Dims::filled(x.dim(), 0);
  for (int64_t i = 0; i < host.numel(); ++i) {
    if (set[i]) places.insert(places.end(), at.begin(), at.end());
    for (int axis = x.dim() - 1; axis >= 0 && ++at[axis] == x.shape()[axis]; --axis) at[axis] = 0;
  }
  const int64_t found = std::count(set, set + host.numel(), true);
  return to_device(tensor(places, {found, x.dim()}), x.device());
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  common_device("masked_select", {x, mask});
  ROUX_CHECK(mask.dtype() == kBool) << "masked_select: mask must be bool: mask is " << mask.spec();
  const Shape shape = or_throw(broadcast_shapes(x.shape(), mask.shape()), "masked_select");
  const Tensor places = nonzero(reshape(expand(mask, shape), {numel(shape)}));
  return index_select(reshape(expand(x, shape), {numel(shape)}), 0, reshape(places, {places.size(0)}));
}

Tensor tril(const Tensor& x, int64_t k) { return triangle(x, k, true, "tril"); }
Tensor triu(const Tensor& x, int64_t k) { return triangle(x, k, false, "triu"); }

}  // namespace roux
