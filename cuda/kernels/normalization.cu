// CUDA kernels of rms_norm and layer_norm: a team of threads per row, the row read in packets; the gradients
// of weight and bias over fixed pieces of rows, then over the pieces in order.
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

// bias may be null. The squares are those of differences from the mean, which lose nothing to a large one.
template <class T, class Team, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    layer_norm_kernel(const T* x, const T* weight, const T* bias, C eps, int64_t rows, int64_t n,
                      bool packets, T* y, C* mean, C* rstd) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  x += row * n;
  y += row * n;
  Sum<C> sum{C(0)};
  visit_row<Team>(
      n, packets, [&](int64_t, C v) { sum.value += v; }, x);
  const C center = Team::reduce(sum).value / static_cast<C>(n);
  Sum<C> squares{C(0)};
  visit_row<Team>(
      n, packets, [&](int64_t, C v) { squares.value += (v - center) * (v - center); }, x);
  const C scale = C(1) / std::sqrt(Team::reduce(squares).value / static_cast<C>(n) + eps);
  if (bias != nullptr) {
    transform_row<Team>(
        n, packets, [=](int64_t, C v, C w, C b) { return (v - center) * scale * w + b; }, y, x, weight, bias);
  } else {
    transform_row<Team>(
        n, packets, [=](int64_t, C v, C w) { return (v - center) * scale * w; }, y, x, weight);
  }
  if (Team::rank() != 0) return;
  mean[row] = center;
  rstd[row] = scale;
}

// With h = (x - mean) rstd and g = grad_output weight: grad_x = rstd (g - mean(g) - h mean(g h)).
template <class T, class Team, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    layer_norm_backward_kernel(const T* x, const T* weight, const C* mean, const C* rstd,
                               const T* grad_output, int64_t rows, int64_t n, bool packets, T* grad_x) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  x += row * n;
  grad_output += row * n;
  const C center = mean[row], scale = rstd[row];
  Sum<C> products{C(0)}, gradients{C(0)};
  auto add = [&](int64_t, C v, C w, C g) {
    products.value += g * w * ((v - center) * scale);
    gradients.value += g * w;
  };
  visit_row<Team>(n, packets, add, x, weight, grad_output);
  const C slope = Team::reduce(products).value / static_cast<C>(n);
  const C shift = Team::reduce(gradients).value / static_cast<C>(n);
  auto gradient = [=](int64_t, C v, C w, C g) {
    return scale * (g * w - shift - (v - center) * scale * slope);
  };
  transform_row<Team>(n, packets, gradient, grad_x + row * n, x, weight, grad_output);
}

// Over the rows_per_piece rows of piece p: of_weight[p, column] = sum of grad_output (x - mean) rstd,
// of_bias[p, column] = sum of grad_output. mean (0), of_weight and of_bias may be null.
template <class T, class C = compute_t<T>>
__global__ void norm_partials_kernel(const T* x, const C* mean, const C* rstd, const T* grad_output,
                                     int64_t rows, int64_t n, int64_t rows_per_piece, C* of_weight,
                                     C* of_bias) {
  const int64_t column = blockIdx.y * int64_t{kRowBlock} + threadIdx.x, piece = blockIdx.x;
  if (column >= n) return;
  C weight_sum = C(0), bias_sum = C(0);
  const int64_t end = min(rows, (piece + 1) * rows_per_piece);
  for (int64_t row = piece * rows_per_piece; row < end; ++row) {
    const int64_t i = row * n + column;
    const C g = static_cast<C>(grad_output[i]), center = mean != nullptr ? mean[row] : C(0);
    weight_sum += g * ((static_cast<C>(x[i]) - center) * rstd[row]);
    bias_sum += g;
  }
  if (of_weight != nullptr) of_weight[piece * n + column] = weight_sum;
  if (of_bias != nullptr) of_bias[piece * n + column] = bias_sum;
}

template <class T, class C = compute_t<T>>
__global__ void norm_sums_kernel(const C* partials, int64_t pieces, int64_t n, T* sums) {
  const int64_t column = blockIdx.x * int64_t{kRowBlock} + threadIdx.x;
  if (column >= n) return;
  C sum = C(0);
  for (int64_t piece = 0; piece < pieces; ++piece) sum += partials[piece * n + column];
  sums[column] = static_cast<T>(sum);
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

// The gradients of weight and bias, where they are defined.
template <class T>
void sum_rows(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& grad_output,
              Tensor& grad_weight, Tensor& grad_bias, Tensor& partials) {
  using C = compute_t<T>;
  if (!grad_weight.defined() && !grad_bias.defined()) return;
  const int64_t rows = rows_of(x), n = x.size(-1), pieces = norm_partial_rows(rows);
  C* const of_weight = rows > 0 ? partials.data<C>() : nullptr;
  C* const of_bias = rows > 0 && grad_bias.defined() ? of_weight + pieces * n : nullptr;
  if (rows > 0) {
    launch(norm_partials_kernel<T>,
           {.grid = dim3(static_cast<unsigned>(pieces), blocks_for(n, kRowBlock)), .block = kRowBlock},
           x.data<const T>(), mean.defined() ? mean.data<const C>() : nullptr, rstd.data<const C>(),
           grad_output.data<const T>(), rows, n, norm_rows_per_partial(),
           grad_weight.defined() ? of_weight : nullptr, of_bias);
  }
  const auto add = [&](const C* sums, Tensor& grad) {
    if (!grad.defined()) return;
    launch(norm_sums_kernel<T>, {.grid = blocks_for(n, kRowBlock), .block = kRowBlock}, sums, pieces, n,
           grad.data<T>());
  };
  add(of_weight, grad_weight);
  add(of_bias, grad_bias);
}

void rms_norm_backward(const Tensor& x, const Tensor& weight, const Tensor& rstd, const Tensor& grad_output,
                       Tensor& grad_x, Tensor& grad_weight, Tensor& partials) {
  const int64_t rows = rows_of(x), n = x.size(-1);
  if (n == 0) return;
  Tensor none;
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
    sum_rows<T>(x, Tensor(), rstd, grad_output, grad_weight, none, partials);
  });
}

void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                Tensor& mean, Tensor& rstd) {
  const int64_t rows = rows_of(x), n = x.size(-1);
  if (rows == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    with_team(n, [&](auto team) {
      using Team = decltype(team);
      const bool packets = rows_in_packets(n, x, weight, bias.defined() ? bias : weight, y);
      launch(layer_norm_kernel<T, Team>, {.grid = Team::blocks(rows), .block = kRowBlock}, x.data<const T>(),
             weight.data<const T>(), bias.defined() ? bias.data<const T>() : nullptr, static_cast<C>(eps),
             rows, n, packets, y.data<T>(), mean.data<C>(), rstd.data<C>());
    });
  });
}

void layer_norm_backward(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                         const Tensor& grad_output, Tensor& grad_x, Tensor& grad_weight, Tensor& grad_bias,
                         Tensor& partials) {
  const int64_t rows = rows_of(x), n = x.size(-1);
  if (n == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    if (grad_x.defined() && rows > 0) {
      with_team(n, [&](auto team) {
        using Team = decltype(team);
        launch(layer_norm_backward_kernel<T, Team>, {.grid = Team::blocks(rows), .block = kRowBlock},
               x.data<const T>(), weight.data<const T>(), mean.data<const C>(), rstd.data<const C>(),
               grad_output.data<const T>(), rows, n, rows_in_packets(n, x, weight, grad_output, grad_x),
               grad_x.data<T>());
      });
    }
    sum_rows<T>(x, mean, rstd, grad_output, grad_weight, grad_bias, partials);
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kRmsNorm(rms_norm_kernels, kDevice, kFloating, rms_norm);
const RegisterKernel kLayerNorm(layer_norm_kernels, kDevice, kFloating, layer_norm);
const RegisterKernel kRmsNormBackward(rms_norm_backward_kernels, kDevice, kFloating, rms_norm_backward);
const RegisterKernel kLayerNormBackward(layer_norm_backward_kernels, kDevice, kFloating, layer_norm_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
