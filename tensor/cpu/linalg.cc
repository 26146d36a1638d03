// CPU kernels of the linalg family: LAPACK, one matrix after another. LAPACK counts down the columns, so a
// matrix in rows is to it the transpose, and a lower triangle an upper one. Its work spaces (the size of a
// few columns, for eigh and svd of two or three matrices) are allocated here and in no plan.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/lapack.h"
#include "tensor/ops/linalg_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

// Calls fn(number) for each of `count` matrices, which take about `operations` each.
void for_each_matrix(int64_t count, double operations, absl::FunctionRef<void(int64_t)> fn) {
  constexpr double kTask = 1e5;
  const int64_t grain = static_cast<int64_t>(std::max(1.0, kTask / (operations + 1)));
  parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) fn(i);
  });
}

[[noreturn]] void fail(const char* op, int64_t number, const std::string& what) {
  throw Error(absl::StrCat(op, ": matrix ", number, " ", what));
}

void check_finite(const char* op, const char* argument, int64_t number, const double* values, int64_t count) {
  const auto bad = std::find_if(values, values + count, [](double v) { return !std::isfinite(v); });
  if (bad == values + count) return;
  fail(op, number, absl::StrCat("of ", argument, " has a value that is not finite: ", *bad));
}

int rows(const Tensor& x) { return static_cast<int>(x.size(-2)); }
int cols(const Tensor& x) { return static_cast<int>(x.size(-1)); }
int64_t matrix_size(const Tensor& x) { return x.size(-2) * x.size(-1); }
int64_t count_of(const Tensor& x) { return x.numel() / matrix_size(x); }
double cube(double n) { return n * n * n; }

void cholesky_cpu(Tensor& a) {
  const int n = rows(a);
  for_each_matrix(count_of(a), cube(n) / 3, [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    for (int64_t row = 0; row < n; ++row) {
      check_finite("cholesky", "a", i, matrix + row * n, row + 1);
      std::fill(matrix + row * n + row + 1, matrix + (row + 1) * n, 0.0);
    }
    int info = 0;
    lapack::dpotrf("U", &n, matrix, &n, &info, 1);
    if (info > 0) {
      fail("cholesky", i,
           absl::StrCat("is not positive definite: its leading minor of order ", info, " is not positive"));
    }
  });
}

void solve_cpu(Tensor& a, Tensor& b) {
  const int n = rows(a), k = rows(b);
  for_each_matrix(count_of(a), cube(n), [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    double* const x = b.data<double>() + i * matrix_size(b);
    check_finite("solve", "a", i, matrix, matrix_size(a));
    check_finite("solve", "b", i, x, matrix_size(b));
    std::vector<int> pivots(static_cast<size_t>(n));
    int info = 0;
    lapack::dgetrf(&n, &n, matrix, &n, pivots.data(), &info);
    if (info > 0) fail("solve", i, absl::StrCat("is singular: pivot ", info, " of ", n, " is 0"));
    lapack::dgetrs("T", &n, &k, matrix, &n, pivots.data(), x, &n, &info, 1);
  });
}

void solve_triangular_cpu(const Tensor& a, bool upper, Tensor& b) {
  const int n = rows(a), k = rows(b);
  for_each_matrix(count_of(a), static_cast<double>(n) * n * k, [&](int64_t i) {
    const double* const matrix = a.data<const double>() + i * matrix_size(a);
    double* const x = b.data<double>() + i * matrix_size(b);
    for (int64_t row = 0; row < n; ++row) {
      check_finite("solve_triangular", "a", i, matrix + row * n + (upper ? row : 0),
                   upper ? n - row : row + 1);
    }
    check_finite("solve_triangular", "b", i, x, matrix_size(b));
    int info = 0;
    lapack::dtrtrs(upper ? "L" : "U", "T", "N", &n, &k, matrix, &n, x, &n, &info, 1, 1, 1);
    if (info > 0) {
      fail("solve_triangular", i, absl::StrCat("is singular: element ", info, " of its diagonal is 0"));
    }
  });
}

void lstsq_cpu(Tensor& a, double rcond, Tensor& b) {
  const int n = rows(a), m = cols(a), k = rows(b), longest = cols(b);
  for_each_matrix(count_of(a), cube(n) + cube(m), [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    double* const x = b.data<double>() + i * matrix_size(b);
    check_finite("lstsq", "a", i, matrix, matrix_size(a));
    check_finite("lstsq", "b", i, x, matrix_size(b));
    std::vector<int> pivots(static_cast<size_t>(n), 0);
    lapack::with_work([&](double* work, const int* size) {
      int info = 0, rank = 0;
      lapack::dgelsy(&m, &n, &k, matrix, &m, x, &longest, pivots.data(), &rcond, &rank, work, size, &info);
    });
  });
}

void logdet_cpu(Tensor& a, Tensor& y) {
  const int n = rows(a);
  for_each_matrix(count_of(a), cube(n), [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    check_finite("logdet", "a", i, matrix, matrix_size(a));
    std::vector<int> pivots(static_cast<size_t>(n));
    int info = 0;
    lapack::dgetrf(&n, &n, matrix, &n, pivots.data(), &info);
    double sum = 0;
    bool negative = false;
    for (int64_t j = 0; j < n; ++j) {
      const double pivot = matrix[j * n + j];
      sum += std::log(std::abs(pivot));
      negative ^= (pivot < 0) != (pivots[static_cast<size_t>(j)] != j + 1);
    }
    y.data<double>()[i] = info > 0 ? -INFINITY : negative ? std::nan("") : sum;
  });
}

void qr_cpu(Tensor& a, Tensor& r) {
  const int n = rows(a), m = cols(a), k = rows(r);
  for_each_matrix(count_of(a), 2.0 * m * n * k, [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    double* const triangle = r.data<double>() + i * matrix_size(r);
    check_finite("qr", "a", i, matrix, matrix_size(a));
    std::vector<double> tau(static_cast<size_t>(k));
    int info = 0;
    lapack::with_work([&](double* work, const int* size) {
      lapack::dgeqrf(&m, &n, matrix, &m, tau.data(), work, size, &info);
    });
    for (int64_t row = 0; row < k; ++row) {
      for (int64_t col = 0; col < n; ++col) triangle[row * n + col] = col < row ? 0 : matrix[col * m + row];
    }
    lapack::with_work([&](double* work, const int* size) {
      lapack::dorgqr(&m, &k, &k, matrix, &m, tau.data(), work, size, &info);
    });
  });
}

void svd_cpu(Tensor& a, Tensor& u, Tensor& s, Tensor& vh) {
  const int n = rows(a), m = cols(a), k = cols(u);  // of a^T = vh^T diag(s) u^T
  for_each_matrix(count_of(a), 8.0 * m * n * k, [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    check_finite("svd", "a", i, matrix, matrix_size(a));
    std::vector<int> int_work(static_cast<size_t>(8 * k));
    int info = 0;
    lapack::with_work([&](double* work, const int* size) {
      lapack::dgesdd("S", &m, &n, matrix, &m, s.data<double>() + i * k,
                     vh.data<double>() + i * matrix_size(vh), &m, u.data<double>() + i * matrix_size(u), &k,
                     work, size, int_work.data(), &info, 1);
    });
    if (info > 0) fail("svd", i, "did not converge");
  });
}

void eigh_cpu(Tensor& a, Tensor& values) {
  const int n = rows(a);
  for_each_matrix(count_of(a), 8 * cube(n), [&](int64_t i) {
    double* const matrix = a.data<double>() + i * matrix_size(a);
    for (int64_t row = 0; row < n; ++row) check_finite("eigh", "a", i, matrix + row * n, row + 1);
    const int int_size = 3 + 5 * n;
    std::vector<int> int_work(static_cast<size_t>(int_size));
    int info = 0;
    lapack::with_work([&](double* work, const int* size) {
      lapack::dsyevd("V", "U", &n, matrix, &n, values.data<double>() + i * n, work, size, int_work.data(),
                     &int_size, &info, 1, 1);
    });
    if (info > 0) fail("eigh", i, "did not converge");
  });
}

const RegisterKernel kCholesky(cholesky_kernels, DeviceType::kCpu, kF64, cholesky_cpu);
const RegisterKernel kSolve(solve_kernels, DeviceType::kCpu, kF64, solve_cpu);
const RegisterKernel kSolveTriangular(solve_triangular_kernels, DeviceType::kCpu, kF64, solve_triangular_cpu);
const RegisterKernel kLstsq(lstsq_kernels, DeviceType::kCpu, kF64, lstsq_cpu);
const RegisterKernel kLogdet(logdet_kernels, DeviceType::kCpu, kF64, logdet_cpu);
const RegisterKernel kQr(qr_kernels, DeviceType::kCpu, kF64, qr_cpu);
const RegisterKernel kSvd(svd_kernels, DeviceType::kCpu, kF64, svd_cpu);
const RegisterKernel kEigh(eigh_kernels, DeviceType::kCpu, kF64, eigh_cpu);

}  // namespace
}  // namespace roux::cpu
