// ZeRO stage 3: each rank keeps a slice of every parameter of a model's blocks; a block is whole only while
// it runs.
//
//   ShardedParameters sharded(world(), blocks_of(model));
//   ...forward, backward, optimizer.step() ...           // under ShardOptimizerStates, optim/optimizer.h
//   sharded.make_whole();
//
// A block gathers itself when it is called (nn/block.h) and is let go of when the next one is; it runs under
// checkpoint(), so that backward calls it again, which gathers it again, and nothing of it lives in between.
// Between calls its parameters are tensors on meta: whatever reads them then fails, and reads nothing wrong.
// Their slices are what an optimizer updates, and what a checkpoint gathers tensor by tensor
// (tensor/comm/parameter_slices.h).
//
// Left whole on every rank: what is outside the blocks (embeddings, the last norm, the output weight), block
// dtypes, and parameters whose memory other tensors share (another model's aliases).
//
// Every rank calls the same blocks in the same order, whatever rows it has, also where nothing is recorded;
// a rank that is at another block than the others is an Error.     [Rajbhandari et al. 2020, section 5.3;
// Zhao et al. 2023, "PyTorch FSDP"]
#ifndef ROUX_NN_PARALLEL_SHARDED_PARAMETERS_H_
#define ROUX_NN_PARALLEL_SHARDED_PARAMETERS_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nn/module.h"
#include "tensor/comm/communicator.h"
#include "tensor/comm/parameter_slices.h"

namespace roux {

class ShardedParameters final : public ParameterSlices {
 public:
  // Parameters on the CPU, or on meta, where nothing is sent; the values of all ranks are the same.
  // Collective, as what follows. Of blocks within blocks the outer counts.
  ShardedParameters(Communicator& comm, const std::vector<const Module*>& blocks);
  // Without make_whole() the parameters keep no values: for a run that ends here.
  ~ShardedParameters() override = default;

  // Makes the parameters of this module whole, and all others not, except where that is so already.
  void gather(const Module& block);
  // Every parameter is whole from here on, for good.
  void make_whole();

  Tensor slice_of(const Tensor& parameter) const override;
  Tensor whole(const Tensor& parameter) const override;
  void slices_changed() override;

 private:
  struct Entry {
    Tensor parameter, slice;
    int64_t at;  // bytes, in a rank's part of the message
  };
  struct Unit {  // what is gathered at once
    std::vector<Entry> entries;
    int64_t message_bytes = 0;  // of a rank
    bool whole = false;
  };
  void gather(size_t unit);
  void release(Unit& unit);
  const Entry* find(const Tensor& parameter) const;

  std::unique_ptr<Communicator> comm_;  // its own order: reducers send beside it
  const std::thread::id thread_ = std::this_thread::get_id();
  std::vector<Unit> units_;
  std::unordered_map<const TensorImpl*, std::pair<size_t, size_t>> places_;  // unit, entry
};

// To be called by a block before it reads its parameters: gather() of the sharded parameters, if there are
// any.
void gather_if_sharded(const Module& block);
// Whether blocks are gathered, so that they have to run under checkpoint().
bool parameters_are_sharded();

}  // namespace roux

#endif  // ROUX_NN_PARALLEL_SHARDED_PARAMETERS_H_
