#include "recipes/kit/train/show_first_batch.h"

#include "recipes/kit/data/byte_tokenizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/train/training.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

absl::Status show(Run& run, const TokenBatch& batch) {
  return run.show_batch(first_batch_of(batch, [](int64_t id) {
    const auto token = static_cast<int32_t>(id);
    return ByteTokenizer().decode(absl::MakeConstSpan(&token, 1));
  }));
}

}  // namespace

absl::Status show_first_batch(Run& run, const Corpus& corpus, int64_t global_batch) {
  ROUX_ASSIGN_OR_RETURN(
      BatchLoader loader,
      BatchLoader::create(corpus.train, {.seed = run.seeds()[0], .global_batch = global_batch}));
  return show(run, loader.next());
}

absl::Status show_first_batch(Run& run, const std::vector<const WindowSet*>& domains,
                              const std::vector<double>& shares, int64_t global_batch, MixtureOrder order) {
  ROUX_ASSIGN_OR_RETURN(
      MixtureLoader loader,
      MixtureLoader::create(domains, shares, {.seed = run.seeds()[0], .global_batch = global_batch}, order));
  return show(run, loader.next().tokens);
}

}  // namespace roux::kit
