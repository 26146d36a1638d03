#include "nn/parallel/gradient_reducer.h"

#include <utility>

#include "autograd/autograd.h"
#include "autograd/node.h"
#include "tensor/comm/parameter_slices.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {

namespace {
bool is_on_meta(const Tensor& x) { return device_of(x).type == DeviceType::kMeta; }
}  // namespace

GradientReducer::GradientReducer(Communicator& comm, std::vector<Tensor> parameters, TakeSlice take_slice,
                                 int64_t bucket_bytes)
    : comm_(comm),
      parameters_(std::move(parameters)),
      take_slice_(std::move(take_slice)),
      bucket_of_(parameters_.size()),
      has_accumulated_(parameters_.size()) {
  for (size_t i = parameters_.size(); i-- > 0;) {
    const Tensor& p = parameters_[i];
    ROUX_CHECK(p.requires_grad() && p.is_leaf() && (device_of(p).type == DeviceType::kCpu || is_on_meta(p)))
        << "gradient_reducer: parameter " << i << " is " << p.spec() << " on " << device_of(p)
        << ", needed a leaf on cpu that requires grad";
    gradient_edge(p);  // so that a rank that has no graph can be given a gradient
    const int64_t most = bucket_bytes / static_cast<int64_t>(size_of(p.dtype()));
    if (buckets_.empty() || buckets_.back().dtype != p.dtype() || buckets_.back().numel + p.numel() > most) {
      buckets_.push_back({{}, p.dtype()});
    }
    Bucket& bucket = buckets_.back();
    bucket.members.push_back(i);
    bucket.numel += p.numel();
    bucket_of_[i] = buckets_.size() - 1;
  }
}

GradientReducer::~GradientReducer() { remove_hooks(); }

void GradientReducer::start() {
  sent_ = 0;
  has_accumulated_.assign(parameters_.size(), false);
  for (Bucket& bucket : buckets_) bucket.waiting = static_cast<int64_t>(bucket.members.size());
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

int64_t GradientReducer::part_of(size_t parameter) const {
  const int64_t numel = parameters_[parameter].numel();
  return take_slice_ ? slice_of_rank(numel, 0, comm_.size()).second : numel;  // that of rank 0 is the longest
}

int64_t GradientReducer::part_of(const Bucket& bucket) const {
  auto elements = static_cast<int64_t>(bucket.members.size());  // the flags
  for (const size_t i : bucket.members) elements += part_of(i);
  return elements;
}

void GradientReducer::fill(Bucket& bucket) {
  const auto count = static_cast<int64_t>(bucket.members.size());
  const int64_t part = part_of(bucket);
  const int parts = take_slice_ ? comm_.size() : 1;
  bucket.flat = zeros({parts * part}, bucket.dtype, device_of(parameters_[bucket.members[0]]));
  int64_t at = 0;
  for (int64_t i = 0; i < count; ++i) {
    Tensor& p = parameters_[bucket.members[i]];
    if (p.grad().defined()) {
      const Tensor grad = p.grad().reshape({p.numel()});
      for (int k = 0; k < parts; ++k) {
        const auto [begin, end] = slice_of_rank(p.numel(), k, parts);
        const int64_t to = k * part + at, flag = (k + 1) * part - count + i;
        copy_(bucket.flat.slice(0, to, to + end - begin), grad.slice(0, begin, end));
        fill_(bucket.flat.slice(0, flag, flag + 1), 1);
      }
      // What a later backward of this step adds (a block that is computed again and shares the parameter) is
      // then on its own, and finish() finds it.
      p.set_grad(Tensor());
    }
    at += part_of(bucket.members[i]);
  }
}

void GradientReducer::send_next() {
  const NoGradGuard no_grad;
  Bucket& bucket = buckets_[sent_++];
  fill(bucket);
  if (take_slice_) bucket.own = zeros({part_of(bucket)}, bucket.dtype, bucket.flat.device());
  if (!is_on_meta(bucket.flat)) {
    bucket.pending = take_slice_ ? comm_.reduce_scatter(bucket.own, bucket.flat, ReduceOp::kSum)
                                 : comm_.all_reduce_(bucket.flat, ReduceOp::kSum);
  }
  if (take_slice_) bucket.flat = Tensor();  // the collective has it until it ends
}

const Tensor& GradientReducer::sum_of(const Bucket& bucket) const {
  return take_slice_ ? bucket.own : bucket.flat;
}

void GradientReducer::collect(Bucket& bucket) {
  bucket.pending.wait();
  const NoGradGuard no_grad;
  const Tensor sum = sum_of(bucket);
  const auto count = static_cast<int64_t>(bucket.members.size());
  std::vector<double> ranks(bucket.members.size(), 1);  // that have a gradient
  if (!is_on_meta(sum)) ranks = sum.slice(0, sum.numel() - count, sum.numel()).to_vector<double>();
  int64_t at = 0;
  for (size_t i = 0; i < bucket.members.size(); ++i) {
    const size_t parameter = bucket.members[i];
    Tensor& p = parameters_[parameter];
    if (ranks[i] > 0 && take_slice_) {
      const auto [begin, end] = slice_of_rank(p.numel(), comm_.rank(), comm_.size());
      take_slice_(parameter, sum.slice(0, at, at + end - begin));
    } else if (ranks[i] > 0) {
      p.set_grad(sum.slice(0, at, at + p.numel()).view(p.shape()));
    }
    at += part_of(parameter);
  }
  bucket.flat = bucket.own = Tensor();
}

void GradientReducer::finish() {
  remove_hooks();
  while (sent_ < buckets_.size()) send_next();
  std::vector<Tensor> firsts;
  for (Bucket& bucket : buckets_) {
    bucket.pending.wait();
    firsts.push_back(sum_of(bucket));
  }
  int64_t late = 0;
  for (const Tensor& p : parameters_) late += p.grad().defined();
  const bool shared = !parameters_.empty() && !is_on_meta(parameters_[0]);
  const Tensor any_late = tensor(std::vector<int64_t>{late}, {1});
  if (shared) comm_.all_reduce_(any_late, ReduceOp::kSum).wait();
  if (any_late.item() > 0) {  // a second round for what came after a bucket had gone
    for (sent_ = 0; sent_ < buckets_.size();) send_next();
    for (size_t i = 0; i < buckets_.size(); ++i) {
      buckets_[i].pending.wait();
      const NoGradGuard no_grad;
      add_(sum_of(buckets_[i]), firsts[i]);
    }
  }
  firsts.clear();
  for (Bucket& bucket : buckets_) collect(bucket);
}

}  // namespace roux
