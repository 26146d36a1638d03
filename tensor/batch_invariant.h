// Whether a row's bits may depend on the batch that it is in. Off, kernels are chosen and tiled by the shapes
// of whole calls: a row alone may differ in its last bits from the same row among others, a token behind a
// cache from the same token in one forward. On, each row of a product and each query of attention is computed
// in an order of its own, whatever stands beside it: prefill, decoding with a cache, padded, packed and
// shuffled batches of any size give the same bits, and log-probabilities of sampling are those of the
// training forward. Gradients are not covered: backward sums over rows.
//
//   { BatchInvariantGuard invariant; ... }       // thread-local, off by default
//
// Of the CPU: products and attention on other devices throw Error. Products of f64 take a row at a time and
// are slow. A prefix in LmInput is not what its tokens in the row are: merge_attention rounds elsewhere.
#ifndef ROUX_TENSOR_BATCH_INVARIANT_H_
#define ROUX_TENSOR_BATCH_INVARIANT_H_

namespace roux {

bool batch_invariant();
void set_batch_invariant(bool on);

class BatchInvariantGuard {
 public:
  explicit BatchInvariantGuard(bool on = true) : previous_(batch_invariant()) { set_batch_invariant(on); }
  ~BatchInvariantGuard() { set_batch_invariant(previous_); }
  BatchInvariantGuard(const BatchInvariantGuard&) = delete;
  BatchInvariantGuard& operator=(const BatchInvariantGuard&) = delete;

 private:
  bool previous_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_BATCH_INVARIANT_H_
