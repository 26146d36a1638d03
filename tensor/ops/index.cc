#include "tensor/ops/index.h"

#include <algorithm>

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/index_tables.h"

namespace roux {

namespace {
constexpr const char* kRules = "//autograd/rules";
}
constinit KernelTable<GatherKernel> gather_kernels("gather");
constinit KernelTable<ScatterAddKernel> scatter_add_kernels("scatter_add");
constinit KernelTable<EmbeddingKernel> embedding_kernels("embedding");
constinit KernelTable<EmbeddingBackwardKernel> embedding_backward_kernels("embedding_backward");
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

Tensor embedding(const Tensor& weight, const Tensor& ids) {
  common_device("embedding", {weight, ids});
  check_index("embedding", "ids", ids);
  ROUX_CHECK(weight.dim() == 2) << "embedding: weight must be [V, D]: weight is " << weight.spec();
  Shape shape = ids.shape();
  shape.push_back(weight.shape()[1]);
  Tensor y = empty({weight.dtype(), shape}, weight.device());
  embedding_kernels.run(weight, weight.contiguous(), ids.contiguous(), y);
  return embedding_grad.record({weight}, y, [&] { return EmbeddingSaved{ids, weight.shape()[0]}; });
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

Tensor tril(const Tensor& x, int64_t k) { return triangle(x, k, true, "tril"); }
Tensor triu(const Tensor& x, int64_t k) { return triangle(x, k, false, "triu"); }

}  // namespace roux
