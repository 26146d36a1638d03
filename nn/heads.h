// What stands between hidden states and an answer. A head is a Linear beside the model and one of these:
//
//   Linear score(d, 1, false, init);                                // a reward
//   const Tensor reward = score(last_token(model.hidden(in), in.lengths));
//   Linear verb(d, kVerbs, true, init);                             // a class
//   const Tensor logits = verb(mean_of_tokens(model.hidden(in), in.lengths));
//   Linear value(d, 1, true, init);                                 // a value at each token: of hidden as it is
//
// h: [B, T, D] floating. lengths: i32 or i64 [B], the tokens of each row, which is padded on the right;
// undefined: T each. All throw Error for other shapes and dtypes and are differentiable to any order.
#ifndef ROUX_NN_HEADS_H_
#define ROUX_NN_HEADS_H_

#include "tensor/tensor.h"

namespace roux {

// [B, D]: h at token 0 (BERT's [CLS]).
Tensor first_token(const Tensor& h);
// [B, D]: h at token lengths - 1. Throws Error where that is not one of the T.
Tensor last_token(const Tensor& h, const Tensor& lengths = {});
// [B, D]: the mean of h over the tokens, in f32 for 16-bit dtypes, rounded once. Padding is not read: it may
// hold NaN. Lengths above T count as T; of no token the mean is NaN.
Tensor mean_of_tokens(const Tensor& h, const Tensor& lengths = {});

// Logits of a choice among N items: <items_n, query>, -inf where `shown` is false (a probability of 0).
// items: [..., N, D], query: [..., D] of its dtype, shown: bool that broadcasts to [..., N], undefined: all.
// Returns [..., N]. [Vinyals et al. 2015, with a product in place of the additive score]
Tensor pointer_logits(const Tensor& items, const Tensor& query, const Tensor& shown = {});

// The standard deviation of a Gaussian output: softplus(raw) + floor, so at least floor, which is >= 0.
// raw: any shape. The mean is an output of its own.
Tensor gaussian_scale(const Tensor& raw, double floor);

}  // namespace roux

#endif  // ROUX_NN_HEADS_H_
