// Sums gradients over ranks while backward still runs.
//
//   GradientReducer reducer(world(), optimizer.parameters());
//   reducer.start();                        // before the last backward of a step
//   backward(loss);
//   reducer.finish();                       // now p.grad() is the sum over all ranks
//
// Where a rank needs only its slices of the sums (optim/optimizer.h, ShardOptimizerStates), it is given a
// function that takes them, and half of what is sent for whole sums is saved:
//
//   GradientReducer reducer(world(), optimizer.parameters(), [&](size_t i, const Tensor& slice) {
//     optimizer.set_grad_slice(i, slice);
//   });
//
// Parameters are put into buckets in the reverse of their order, which is about the order in which backward
// completes them; a full bucket is sent while the next one is filled. Every rank has the same parameters in
// the same order. A parameter that got a gradient on some ranks only counts as zero on the others; one that
// got none anywhere keeps an undefined gradient.                                      [Li et al. 2020,
// section 3]
#ifndef ROUX_NN_PARALLEL_GRADIENT_REDUCER_H_
#define ROUX_NN_PARALLEL_GRADIENT_REDUCER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "tensor/comm/communicator.h"
#include "tensor/tensor.h"

namespace roux {

class GradientReducer {
 public:
  // Takes, of the summed gradient of parameter i, this rank's slice (slice_of_rank of its elements), rank 1.
  using TakeSlice = std::function<void(size_t i, const Tensor& slice)>;

  // Leaves that require grad, on the CPU, or on meta, where nothing is sent. A bucket holds at most
  // `bucket_bytes`, at least one parameter.
  GradientReducer(Communicator& comm, std::vector<Tensor> parameters, TakeSlice take_slice = nullptr,
                  int64_t bucket_bytes = 4 << 20);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // From here on a bucket is sent when each of its parameters has accumulated a gradient. After finish() it
  // may be called again, for another sum.
  void start();
  // Sends what is left and waits. A gradient is then a view of its bucket, or p.grad() is undefined and its
  // slice was taken. Throws Error as collectives do.
  // Without start() everything is sent here: for a rank that had nothing to compute.
  void finish();

 private:
  struct Bucket {
    std::vector<size_t> members;  // positions in parameters_
    DType dtype;
    int64_t numel = 0;    // of the members
    int64_t waiting = 0;  // members that have not accumulated since start()
    // What is summed: the members one after the other, then a flag for each: has a gradient. Where slices are
    // taken, that for each rank's slices, padded to the same length.
    Tensor flat = {};
    Tensor own = {};  // slices: this rank's part of the sum
    Pending pending = {};
  };
  void accumulated(size_t parameter);
  void send_next();
  void remove_hooks();
  // Elements of a member in each rank's part of a bucket, and of the part.
  int64_t part_of(size_t parameter) const;
  int64_t part_of(const Bucket& bucket) const;
  void fill(Bucket& bucket);
  const Tensor& sum_of(const Bucket& bucket) const;
  void collect(Bucket& bucket);

  Communicator& comm_;
  std::vector<Tensor> parameters_;
  TakeSlice take_slice_;
  std::vector<Bucket> buckets_;
  std::vector<size_t> bucket_of_;  // by parameter
  std::vector<bool> has_accumulated_;
  std::vector<int64_t> hooks_;
  size_t sent_ = 0;  // buckets, in order
};

}  // namespace roux

#endif  // ROUX_NN_PARALLEL_GRADIENT_REDUCER_H_
