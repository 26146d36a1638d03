// Keys and values of the tokens that a model has seen, so that the next tokens cost no second pass over them.
//
//   NoGradGuard no_grad;
//   KVCache cache = model.make_cache(rows, capacity);                      // all memory at once
//   model.hidden({.ids = prompts, .lengths = lengths, .cache = &cache});   // rows padded on the right
//   model.logits({.ids = next, .cache = &cache});                          // [rows, 1] each time
//
// Rows differ in length; a row's token stands at its position, and padding that was written behind a row is
// overwritten by its next tokens. New tokens are written in place: a step costs their copy, not one of the
// cache. Belongs to one thread.
#ifndef ROUX_NN_KV_CACHE_H_
#define ROUX_NN_KV_CACHE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "tensor/tensor.h"

namespace roux {

// Keys and values that rows see before their own: a shared prompt (the view of a cache), or trained ones
// (gradients flow into them). One tensor a layer, [R, G, P, d] each. R divides the rows of a batch, and row b
// reads row b / (B / R): samples and beams of one prompt share its memory.
struct KeyValues {
  std::vector<Tensor> k, v;
  Tensor lengths = {};  // i32 [R]: of the P, so many are seen; all where undefined
  // For key_smear, [R, G, 1, d] each: the last key as it was before. Without, the first key behind stays.
  std::vector<Tensor> last_raw_k = {};
  bool defined() const { return !k.empty(); }
};

// An encoder's output, for a decoder's cross-attention. R divides the rows of a batch, and row b reads row
// b / (B / R): beams of one source share its memory.
struct Memory {
  Tensor states = {};   // [R, S, D]
  Tensor lengths = {};  // i32 [R]: of the S, so many are seen; all where undefined
  bool defined() const { return states.defined(); }
};

class KVCache {
 public:
  struct Spec {
    int64_t layers, rows, capacity, kv_heads, head_dim;  // rows: at first, and at most
    DType dtype = kF32;
    Device device = kCpu;
    bool raw_keys = false;  // for key_smear: keys as they were before it are kept too
  };
  explicit KVCache(const Spec& spec);
  KVCache(KVCache&&) = default;
  KVCache& operator=(KVCache&&) = default;

  int64_t rows() const { return static_cast<int64_t>(lengths_.size()); }
  int64_t capacity() const { return spec_.capacity; }
  const std::vector<int64_t>& lengths() const { return lengths_; }  // tokens of each row
  int64_t longest() const;
  bool ragged() const;  // whether two rows differ in length
  // What was seen, [rows, G, longest, d]. Shares the memory of the cache.
  KeyValues view() const;

  // Shorter rows: takes tokens back; all of them, and the memory is forgotten too. Throws Error for another
  // number of rows or a length above the row's.
  void set_lengths(absl::Span<const int64_t> lengths);
  // Row i becomes what row from[i] was: beams; fewer rows: finished ones are dropped; more: samples of one
  // prompt. Throws Error for a row that does not exist and for more rows than the cache was made for. Each
  // row keeps the memory that it reads.
  void select_rows(absl::Span<const int64_t> from);

  // For layers. Writes k and v: [rows, G, T, d] behind each row's tokens and returns the keys and values of
  // all: views [rows, G, longest + T, d]. Throws Error when they do not fit, or while recording: writing in
  // place would lose gradients.
  std::pair<Tensor, Tensor> append(int64_t layer, const Tensor& k, const Tensor& v);
  // For layers that smear keys, before append: keeps k, and returns the key before each row's first one of
  // these, [rows, G, 1, d]; `first`, of that shape, where the row is empty. Throws Error as append does.
  Tensor previous_keys(int64_t layer, const Tensor& k, const Tensor& first);
  // For models, after the last layer (an Error on the way leaves the cache as it was): of the T tokens that
  // were appended, the first new_tokens[b] of row b count; all where `new_tokens` is empty.
  void advance(int64_t appended, absl::Span<const int64_t> new_tokens = {});

  // Cross-attention's keys and values [R, G, S, d] of the memory that the first call brought; undefined
  // before. Later calls bring the same memory, or none.
  const KeyValues& memory_keys() const { return memory_keys_; }
  // Throws Error for a memory that is another than the one kept; not for none.
  void check_memory(const Memory& memory) const;
  // For models, after the last layer.
  void keep_memory(const Memory& memory, KeyValues keys);

  // For models whose biases of distances come from weights: the table of earlier calls, so that a step makes
  // none. Undefined before, and again once all tokens are taken back: only then may weights have changed.
  const Tensor& distance_bias() const { return distance_bias_; }
  void keep_distance_bias(const Tensor& bias) { distance_bias_ = bias.detach(); }

 private:
  size_t checked(int64_t layer, const Tensor& k, const Tensor& v) const;
  Tensor last_of(const Tensor& memory, const Tensor& otherwise) const;
  void write(const Tensor& memory, const Tensor& values) const;
  void select_memory(absl::Span<const int64_t> from);
  Tensor first(const Tensor& memory, int64_t tokens) const;  // of the rows
  Spec spec_;
  std::vector<int64_t> lengths_;
  std::vector<Tensor> k_, v_, raw_k_;  // [spec_.rows, G, capacity, d]; raw_k_ with Spec::raw_keys alone
  Memory memory_;                      // that memory_keys_ are made of, as long as all of it is kept
  KeyValues memory_keys_;
  Tensor distance_bias_;
};

}  // namespace roux

#endif  // ROUX_NN_KV_CACHE_H_
