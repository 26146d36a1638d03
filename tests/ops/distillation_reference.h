// What the entries of distillation share: references by plain loops, teachers and options.
#ifndef ROUX_TESTS_OPS_DISTILLATION_REFERENCE_H_
#define ROUX_TESTS_OPS_DISTILLATION_REFERENCE_H_

#include <optional>

#include "tensor/ops/distillation.h"
#include "tests/ops/suite.h"

namespace roux::testing {

inline constexpr Divergence kDivergences[] = {Divergence::kCrossEntropy, Divergence::kForwardKL,
                                              Divergence::kReverseKL, Divergence::kJensenShannon};

// The loss of logits [..., V] against a teacher's; rows without a mark in `mask` (if there is one) do not
// count. With a rest the teacher knows the even classes alone.
Ref distillation_f64(const Ref& logits, const Ref& teacher, const DistillationOptions& options,
                     std::optional<RestMass> rest = {}, const Ref* mask = nullptr);
// The even classes of a teacher's logits, the last one first; log-probabilities of f32 or f64.
Teacher known_of(const Tensor& logits, RestMass rest);
// Everything beside its default.
DistillationOptions unusual(Divergence divergence, Reduction reduction);

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_DISTILLATION_REFERENCE_H_
