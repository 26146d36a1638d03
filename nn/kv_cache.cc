#include "nn/kv_cache.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

KVCache::KVCache(const Spec& spec) : spec_(spec) {
  ROUX_CHECK(spec.layers >= 0 && spec.rows >= 0 && spec.capacity >= 0)
      << "KVCache: layers are " << spec.layers << ", rows are " << spec.rows << ", capacity is "
      << spec.capacity << ", needed at least 0";
  lengths_.assign(static_cast<size_t>(spec.rows), 0);
  const TensorSpec memory{spec.dtype, {spec.rows, spec.kv_heads, spec.capacity, spec.head_dim}};
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    // Zeros: attention multiplies what a row does not see by 0, and that must not be NaN.
    k_.push_back(zeros(memory.shape, spec.dtype, spec.device));
    v_.push_back(zeros(memory.shape, spec.dtype, spec.device));
    if (spec.raw_keys) raw_k_.push_back(zeros(memory.shape, spec.dtype, spec.device));
  }
}

int64_t KVCache::longest() const {
  return lengths_.empty() ? 0 : *std::max_element(lengths_.begin(), lengths_.end());
}

bool KVCache::ragged() const {
  return std::any_of(lengths_.begin(), lengths_.end(), [&](int64_t n) { return n != lengths_.front(); });
}

Tensor KVCache::first(const Tensor& memory, int64_t tokens) const {
  return memory.slice(0, 0, rows()).slice(2, 0, tokens);
}

KeyValues KVCache::view() const {
  KeyValues seen;
  const int64_t count = longest();
  for (const Tensor& k : k_) seen.k.push_back(first(k, count));
  for (const Tensor& v : v_) seen.v.push_back(first(v, count));
  for (const Tensor& k : raw_k_) {
    const TensorSpec one{spec_.dtype, {rows(), spec_.kv_heads, 1, spec_.head_dim}};
    seen.last_raw_k.push_back(last_of(k, zeros(one.shape, one.dtype, spec_.device)));
  }
  if (ragged()) {
    seen.lengths = tensor(std::vector<int32_t>(lengths_.begin(), lengths_.end()), {rows()}, spec_.device);
  }
  return seen;
}

void KVCache::set_lengths(absl::Span<const int64_t> lengths) {
  ROUX_CHECK(static_cast<int64_t>(lengths.size()) == rows())
      << "KVCache: " << lengths.size() << " lengths for " << rows() << " rows";
  for (size_t row = 0; row < lengths.size(); ++row) {
    ROUX_CHECK(lengths[row] >= 0 && lengths[row] <= lengths_[row])
        << "KVCache: length " << lengths[row] << " for row " << row << ", which has " << lengths_[row]
        << " tokens";
  }
  lengths_.assign(lengths.begin(), lengths.end());
  if (longest() == 0) memory_ = {}, memory_keys_ = {}, distance_bias_ = {};
}

void KVCache::select_rows(absl::Span<const int64_t> from) {
  const auto count = static_cast<int64_t>(from.size());
  ROUX_CHECK(count <= spec_.rows) << "KVCache: " << count << " rows selected, there is memory for "
                                  << spec_.rows;
  std::vector<int64_t> lengths;
  bool moves = false;
  for (int64_t row = 0; row < count; ++row) {
    const int64_t source = from[static_cast<size_t>(row)];
    ROUX_CHECK(source >= 0 && source < rows())
        << "KVCache: row " << source << " selected, there are " << rows();
    lengths.push_back(lengths_[static_cast<size_t>(source)]);
    moves |= source != row;
  }
  NoGradGuard no_grad;
  if (memory_keys_.defined() && rows() > 0) select_memory(from);
  const int64_t seen = longest();
  for (std::vector<Tensor>* memories : {&k_, &v_, &raw_k_}) {
    for (Tensor& memory : *memories) {
      if (!moves) continue;
      // One layer's tokens are copied aside, for a row may be wanted by one that comes after it.
      Tensor before = first(memory, seen);
      if (spec_.device.type != DeviceType::kMeta) {
        const Tensor aside = empty(before.spec(), before.device());
        copy_(aside, before);
        before = aside;
      }
      for (int64_t row = 0; row < count; ++row) {
        const auto index = static_cast<size_t>(row);
        if (from[index] == row) continue;
        copy_(select(memory, 0, row).slice(1, 0, lengths[index]),
              select(before, 0, from[index]).slice(1, 0, lengths[index]));
      }
    }
  }
  lengths_ = std::move(lengths);
}

// The memory gets a row for each group of rows side by side that read one; groups are as large as they can be
// while all have one size.
void KVCache::select_memory(absl::Span<const int64_t> from) {
  const int64_t rows_of_memory = memory_keys_.k[0].size(0), each = rows() / rows_of_memory;
  const auto count = static_cast<int64_t>(from.size());
  const auto wanted = [&](int64_t row) {
    return static_cast<int32_t>(from[static_cast<size_t>(row)] / each);
  };
  const auto fits = [&](int64_t group) {
    if (count % group != 0) return false;
    for (int64_t row = 0; row < count; ++row) {
      if (wanted(row) != wanted(row / group * group)) return false;
    }
    return true;
  };
  int64_t group = std::max<int64_t>(count, 1);
  while (!fits(group)) --group;
  std::vector<int32_t> chosen;
  bool same = true;
  for (int64_t row = 0; row < count; row += group) {
    same &= wanted(row) == static_cast<int32_t>(chosen.size());
    chosen.push_back(wanted(row));
  }
  const auto chosen_count = static_cast<int64_t>(chosen.size());
  if (same && chosen_count == rows_of_memory) return;
  const Tensor index = tensor(chosen, {chosen_count}, spec_.device);
  for (Tensor& k : memory_keys_.k) k = index_select(k, 0, index);
  for (Tensor& v : memory_keys_.v) v = index_select(v, 0, index);
  if (memory_keys_.lengths.defined()) memory_keys_.lengths = index_select(memory_keys_.lengths, 0, index);
  memory_ = {};
}

void KVCache::check_memory(const Memory& memory) const {
  ROUX_CHECK(!memory.defined() || (memory.states.impl() == memory_.states.impl() &&
                                   memory.lengths.impl() == memory_.lengths.impl()))
      << "KVCache: another memory " << memory.states.spec()
      << " than the one whose keys are kept; without one, those are read";
}

void KVCache::keep_memory(const Memory& memory, KeyValues keys) {
  memory_ = memory;
  memory_keys_ = std::move(keys);
}

// Rows of one length that stand side by side are one copy.
void KVCache::write(const Tensor& memory, const Tensor& values) const {
  const int64_t tokens = values.size(2);
  for (int64_t row = 0; row < rows();) {
    const int64_t begin = lengths_[static_cast<size_t>(row)];
    int64_t end_row = row + 1;
    while (end_row < rows() && lengths_[static_cast<size_t>(end_row)] == begin) ++end_row;
    copy_(memory.slice(0, row, end_row).slice(2, begin, begin + tokens), values.slice(0, row, end_row));
    row = end_row;
  }
}

size_t KVCache::checked(int64_t layer, const Tensor& k, const Tensor& v) const {
  ROUX_CHECK(!grad_mode_enabled())
      << "KVCache: used while recording: tokens are written in place, so no gradient would pass; "
         "NoGradGuard stops the recording";
  ROUX_CHECK(layer >= 0 && layer < static_cast<int64_t>(k_.size()))
      << "KVCache: layer " << layer << ", there are " << k_.size();
  ROUX_CHECK(k.dim() == 4 && k.size(0) == rows() && k.size(1) == spec_.kv_heads &&
             k.size(3) == spec_.head_dim && v.spec() == k.spec() && k.dtype() == spec_.dtype)
      << "KVCache: k is " << k.spec() << ", v is " << v.spec() << ", needed " << name(spec_.dtype) << "["
      << rows() << "," << spec_.kv_heads << ",T," << spec_.head_dim << "]";
  const int64_t seen = longest() + k.size(2);
  ROUX_CHECK(seen <= spec_.capacity) << "KVCache: " << seen << " tokens, capacity is " << spec_.capacity;
  return static_cast<size_t>(layer);
}

std::pair<Tensor, Tensor> KVCache::append(int64_t layer, const Tensor& k, const Tensor& v) {
  const size_t index = checked(layer, k, v);
  const int64_t seen = longest() + k.size(2);
  write(k_[index], k);
  write(v_[index], v);
  return {first(k_[index], seen), first(v_[index], seen)};
}

// The last of each row, [rows, G, 1, d].
Tensor KVCache::last_of(const Tensor& memory, const Tensor& otherwise) const {
  const Tensor last = empty({memory.dtype(), {rows(), memory.size(1), 1, memory.size(3)}}, memory.device());
  for (int64_t row = 0; row < rows(); ++row) {
    const int64_t length = lengths_[static_cast<size_t>(row)];
    copy_(select(last, 0, row),
          length > 0 ? select(memory, 0, row).slice(1, length - 1, length) : select(otherwise, 0, row));
  }
  return last;
}

Tensor KVCache::previous_keys(int64_t layer, const Tensor& k, const Tensor& first) {
  const size_t index = checked(layer, k, k);
  ROUX_CHECK(spec_.raw_keys) << "KVCache: made without raw_keys, which layers that smear keys need";
  write(raw_k_[index], k);
  return last_of(raw_k_[index], first);
}

void KVCache::advance(int64_t appended, absl::Span<const int64_t> new_tokens) {
  ROUX_CHECK(new_tokens.empty() || static_cast<int64_t>(new_tokens.size()) == rows())
      << "KVCache: " << new_tokens.size() << " lengths for " << rows() << " rows";
  for (const int64_t count : new_tokens) {
    ROUX_CHECK(count >= 0 && count <= appended)
        << "KVCache: length " << count << " of " << appended << " tokens";
  }
  for (size_t row = 0; row < lengths_.size(); ++row) {
    lengths_[row] += new_tokens.empty() ? appended : new_tokens[row];
  }
}

}  // namespace roux
