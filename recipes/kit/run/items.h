// Work over items: scoring, generating, judging. In fixed slices with checkpoints between them, so that a
// resumed part computes the same slices in the same shapes.
//
//   ROUX_ASSIGN_OR_RETURN(const std::vector<Answer> answers, for_items(part, questions.size(), 64,
//       [&](int64_t begin, int64_t end, const std::vector<Answer>& so_far) {
//         return answer(model, questions, begin, end);                     // one Answer an item
//       }));
#ifndef ROUX_RECIPES_KIT_RUN_ITEMS_H_
#define ROUX_RECIPES_KIT_RUN_ITEMS_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/states.h"
#include "tensor/error.h"

namespace roux::kit {
namespace internal {

struct AnyVector {
  template <class T>
  operator const std::vector<T>&() const;  // NOLINT: only to ask what a function returns for a vector
};
template <class T>
struct WithoutStatus {
  using type = T;
};
template <class T>
struct WithoutStatus<absl::StatusOr<T>> {
  using type = T;
};

}  // namespace internal

// f(begin, end, results so far) gives std::vector<R>, or StatusOr of it, with one R for each of the items
// begin
// .. end - 1; R is a Value of record.h. Returns StatusOr of all. No loss lines; Ctrl-C ends it between two
// slices. Throws Error when f gives another number of results, and for a second loop in one part.
template <class F>
auto for_items(Part& part, int64_t items, int64_t per_slice, F f) {
  using Slice =
      typename internal::WithoutStatus<std::invoke_result_t<F, int64_t, int64_t, internal::AnyVector>>::type;
  using All = absl::StatusOr<Slice>;
  ROUX_CHECK(items >= 0 && per_slice >= 1)
      << "for_items: there are " << items << " items in slices of " << per_slice << ", needed >= 0 and >= 1";
  part.begin_loop("for_items()");
  const auto all = [&]() -> All {
    Slice results;
    const States states = {{"kit_items", results}};
    if (part.restored() != nullptr) ROUX_RETURN_IF_ERROR(restore_states(*part.restored(), states));
    const int64_t slices = (items + per_slice - 1) / per_slice;
    for (int64_t slice = part.start_step(); slice < slices && !part.planning(); ++slice) {
      const int64_t begin = slice * per_slice, end = std::min(items, begin + per_slice);
      ROUX_ASSIGN_OR_RETURN(const Slice some, All(f(begin, end, std::as_const(results))));
      ROUX_CHECK(static_cast<int64_t>(some.size()) == end - begin)
          << "for_items: items " << begin << " to " << end - 1 << " gave " << some.size() << " results";
      results.insert(results.end(), some.begin(), some.end());
      ROUX_RETURN_IF_ERROR(
          part.slice(slice + 1, slices, [&](CheckpointWriter& writer) { save_states(states, writer); }));
    }
    if (part.planning()) ROUX_RETURN_IF_ERROR(part.slice(0, slices, nullptr));
    return results;
  };
  return all();
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_ITEMS_H_
