// CUDA kernels of rms_norm: a team of threads per row, the row read in packets; the weight gradient over
// fixed pieces of rows, then over the pieces in order.
#include "cuda/rows.h"
#include "tensor/ops/normalization_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

template <class T, class Team, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock) rms_norm_kernel(const T* x, const T* weight, C eps, int64_t rows,
                                                             int64_t n, bool packets, T* y, C* rstd) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  x += row * n;
  y += row * n;
  Sum<C> squares{C(0)};
  visit_row<Team>(
      n, packets, [&](int64_t, C v) { squares.value += v * v; }, x);
  const C scale = C(1) / std::sqrt(Team::reduce(squares).value / static_cast<C>(n) + eps);
  transform_row<Team>(
      n, packets, [=](int64_t, C v, C w) { return v * scale * w; }, y, x, weight);
  if (Team::rank() == 0) rstd[row] = scale;
}

// With h = x rstd and g = grad_output weight: grad_x = rstd (g - h mean(g h)).
template <class T, class Team, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    rms_norm_backward_kernel(const T* x, const T* weight, const C* rstd, const T* grad_output, int64_t rows,
                             int64_t n, bool packets, T* grad_x) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  x += row * n;
  grad_output += row * n;
  const C scale = rstd[row];
  Sum<C> products{C(0)};
  visit_row<Team>(
      n, packets, [&](int64_t, C v, C w, C g) { products.value += g * w * (v * scale); }, x, weight,
      grad_output);
  const C slope = Team::reduce(products).value / static_cast<C>(n);
  auto gradient = [=](int64_t, C v, C w, C g) { return scale * (g * w - v * scale * slope); };
  transform_row<Team>(n, packets, gradient, grad_x + row * n, x, weight, grad_output);
}

// partials[p, column] = sum of grad_output x rstd over the rows_per_piece rows of piece p.
template <class T, class C = compute_t<T>>
__global__ void rms_norm_weight_partials_kernel(const T* x, const C* rstd, const T* grad_output, int64_t rows,
                                                int64_t n, int64_t rows_per_piece, C* partials) {
  const int64_t column = blockIdx.y * int64_t{kRowBlock} + threadIdx.x, piece = blockIdx.x;
  if (column >= n) return;
  C sum = C(0);
  const int64_t end = min(rows, (piece + 1) * rows_per_piece);
  for (int64_t row = piece * rows_per_piece; row < end; ++row) {
    const int64_t i = row * n + column;
    sum += static_cast<C>(grad_output[i]) * (static_cast<C>(x[i]) * rstd[row]);
  }
  partials[piece * n + column] = sum;
}

template <class T, class C = compute_t<T>>
__global__ void rms_norm_weight_kernel(const C* partials, int64_t pieces, int64_t n, T* grad_weight) {
  const int64_t column = blockIdx.x * int64_t{kRowBlock} + threadIdx.x;
  if (column >= n) return;
  C sum = C(0);
  for (int64_t piece = 0; piece < pieces; ++piece) sum += partials[piece * n + column];
  grad_weight[column] = static_cast<T>(sum);
}

int64_t rows_of(const Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }

void rms_norm(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd) {
  const int64_t rows = rows_of(x), n = x.size(-1);
  if (rows == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    with_team(n, [&](auto team) {
      using Team = decltype(team);
      launch(rms_norm_kernel<T, Team>, {.grid = Team::blocks(rows), .block = kRowBlock}, x.data<const T>(),
             weight.data<const T>(), static_cast<C>(eps), rows, n, rows_in_packets(n, x, weight, y),
             y.data<T>(), rstd.data<C>());
    });
  });
}

void rms_norm_backward(const Tensor& x, const Tensor& weight, const Tensor& rstd, const Tensor& grad_output,
                       Tensor& grad_x, Tensor& grad_weight, Tensor& partials) {
  const int64_t rows = rows_of(x), n = x.size(-1), pieces = norm_partial_rows(rows);
  if (n == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const T* px = x.data<const T>();
    const T* grad = grad_output.data<const T>();
    if (grad_x.defined() && rows > 0) {
      with_team(n, [&](auto team) {
        using Team = decltype(team);
        launch(rms_norm_backward_kernel<T, Team>, {.grid = Team::blocks(rows), .block = kRowBlock}, px,
               weight.data<const T>(), rstd.data<const C>(), grad, rows, n,
               rows_in_packets(n, x, weight, grad_output, grad_x), grad_x.data<T>());
      });
    }
    if (!grad_weight.defined()) return;
    if (rows > 0) {
      launch(rms_norm_weight_partials_kernel<T>,
             {.grid = dim3(static_cast<unsigned>(pieces), blocks_for(n, kRowBlock)), .block = kRowBlock}, px,
             rstd.data<const C>(), grad, rows, n, norm_rows_per_partial(), partials.data<C>());
    }
    launch(rms_norm_weight_kernel<T>, {.grid = blocks_for(n, kRowBlock), .block = kRowBlock},
           rows > 0 ? partials.data<const C>() : nullptr, pieces, n, grad_weight.data<T>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kRmsNorm(rms_norm_kernels, kDevice, kFloating, rms_norm);
const RegisterKernel kRmsNormBackward(rms_norm_backward_kernels, kDevice, kFloating, rms_norm_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
