// What the entries of classification losses share: their references by plain loops.
#ifndef ROUX_TESTS_OPS_LOSS_REFERENCE_H_
#define ROUX_TESTS_OPS_LOSS_REFERENCE_H_

#include "tensor/ops/loss.h"
#include "tests/ops/suite.h"

namespace roux::testing {

// logits [rows, V]; weight may be null.
Ref losses_f64(const Ref& logits, const Ref& targets, const Ref* weight, int64_t ignore, Reduction reduction,
               double smoothing = 0);
// The logits of an OutputProjection: x [..., D], weight [V, D]; bias may be null, softcap 0 is none.
Ref projected_f64(const Ref& x, const Ref& weight, const Ref* bias = nullptr, double softcap = 0);

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_LOSS_REFERENCE_H_
