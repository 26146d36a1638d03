#include "recipes/kit/train/neftune.h"

#include <cmath>

#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/view.h"

namespace roux::kit {

Tensor neftune(const Tensor& embeddings, double alpha, Generator& generator, const Tensor& lengths) {
  ROUX_CHECK(embeddings.dim() == 3 && is_floating(embeddings.dtype()))
      << "neftune: embeddings is " << embeddings.spec() << ", needed floating [B, T, d]";
  ROUX_CHECK(alpha >= 0 && std::isfinite(alpha)) << "neftune: alpha is " << alpha << ", needed >= 0";
  const int64_t rows = embeddings.size(0), tokens = embeddings.size(1), width = embeddings.size(2);
  const Tensor noise = uniform(embeddings.shape(), -alpha, alpha, generator, embeddings.dtype());
  if (!lengths.defined()) return embeddings + noise / std::sqrt(static_cast<double>(tokens * width));
  ROUX_CHECK(lengths.shape() == (Shape{rows}) && is_integer(lengths.dtype()))
      << "neftune: lengths is " << lengths.spec() << ", needed integer [" << rows << "]";
  const Tensor of_rows = clamp(cast(lengths, embeddings.dtype()), 1, static_cast<double>(tokens));
  return embeddings + noise / sqrt(view(of_rows, {rows, 1, 1}) * static_cast<double>(width));
}

}  // namespace roux::kit
