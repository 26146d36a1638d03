#include "nn/parallel/gradient_reducer.h"

#include <utility>

#include "autograd/autograd.h"
#include "autograd/node.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {

GradientReducer::GradientReducer(Communicator& comm, std::vector<Tensor> parameters, int64_t bucket_bytes)
    : comm_(comm),
      parameters_(std::move(parameters)),
      bucket_of_(parameters_.size()),
      has_accumulated_(parameters_.size()) {
  for (size_t i = parameters_.size(); i-- > 0;) {
    const Tensor& p = parameters_[i];
    ROUX_CHECK(p.requires_grad() && p.is_leaf() && p.device().type == DeviceType::kCpu)
        << "gradient_reducer: parameter " << i << " is " << p.spec() << " on " << p.device()
        << ", needed a leaf on cpu that requires grad";
    gradient_edge(p);  // so that a rank that has no graph can be given a gradient
    const int64_t most = bucket_bytes / static_cast<int64_t>(size_of(p.dtype()));
    if (buckets_.empty() || buckets_.back().dtype != p.dtype() || buckets_.back().numel + p.numel() > most) {
      buckets_.push_back({{}, p.dtype()});
    }
    Bucket& bucket = buckets_.back();
    bucket.members.push_back(i);
    bucket.numel += p.numel();
    ++bucket.waiting;
    bucket_of_[i] = buckets_.size() - 1;
  }
}

GradientReducer::~GradientReducer() { remove_hooks(); }

void GradientReducer::start() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    hooks_.push_back(
        register_post_accumulate_hook(parameters_[i], [this, i](const Tensor&) { accumulated(i); }));
  }
}

void GradientReducer::remove_hooks() {
  for (size_t i = 0; i < hooks_.size(); ++i) remove_post_accumulate_hook(parameters_[i], hooks_[i]);
  hooks_.clear();
}

void GradientReducer::accumulated(size_t parameter) {
  if (has_accumulated_[parameter]) return;
  has_accumulated_[parameter] = true;
  --buckets_[bucket_of_[parameter]].waiting;
  // In order, since every rank must send the same bucket next.
  while (sent_ < buckets_.size() && buckets_[sent_].waiting == 0) send_next();
}

void GradientReducer::send_next() {
  const NoGradGuard no_grad;
  Bucket& bucket = buckets_[sent_++];
  const auto count = static_cast<int64_t>(bucket.members.size());
  bucket.flat = zeros({bucket.numel + count}, bucket.dtype);
  int64_t at = 0;
  for (int64_t i = 0; i < count; ++i) {
    Tensor& p = parameters_[bucket.members[i]];
    if (p.grad().defined()) {
      copy_(bucket.flat.slice(0, at, at + p.numel()).view(p.shape()), p.grad());
      fill_(bucket.flat.slice(0, bucket.numel + i, bucket.numel + i + 1), 1);
      // What a later backward of this step adds (a block that is computed again and shares the parameter) is
      // then on its own, and finish() finds it.
      p.set_grad(Tensor());
    }
    at += p.numel();
  }
  bucket.pending = comm_.all_reduce_(bucket.flat, ReduceOp::kSum);
}

void GradientReducer::collect(Bucket& bucket) {
  bucket.pending.wait();
  const NoGradGuard no_grad;
  const std::vector<double> ranks =
      bucket.flat.slice(0, bucket.numel, bucket.flat.numel()).to_vector<double>();
  int64_t at = 0;
  for (size_t i = 0; i < bucket.members.size(); ++i) {
    Tensor& p = parameters_[bucket.members[i]];
    if (ranks[i] > 0) {
      p.set_grad(bucket.flat.slice(0, at, at + p.numel()).view(p.shape()));
    }
    at += p.numel();
  }
  bucket.flat = Tensor();
}

void GradientReducer::finish() {
  remove_hooks();
  while (sent_ < buckets_.size()) send_next();
  for (Bucket& bucket : buckets_) bucket.pending.wait();
  int64_t late = 0;
  for (const Tensor& p : parameters_) late += p.grad().defined();
  const Tensor any_late = tensor(std::vector<int64_t>{late}, {1});
  comm_.all_reduce_(any_late, ReduceOp::kSum).wait();
  if (any_late.item() == 0) {
    for (Bucket& bucket : buckets_) collect(bucket);
    return;
  }
  // A second round for what came after a bucket had gone.
  std::vector<Tensor> firsts;
  for (Bucket& bucket : buckets_) firsts.push_back(std::move(bucket.flat));
  for (sent_ = 0; sent_ < buckets_.size();) send_next();
  for (size_t i = 0; i < buckets_.size(); ++i) {
    buckets_[i].pending.wait();
    const NoGradGuard no_grad;
    add_(buckets_[i].flat, firsts[i]);
    collect(buckets_[i]);
  }
}

}  // namespace roux
