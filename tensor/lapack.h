// The LAPACK routines that the linalg family and recipes/kit/stats use, from OpenBLAS: declared here because
// its header brings the whole of BLAS. Column-major f64, 32-bit sizes; the trailing lengths are those of the
// character arguments, as gfortran passes them.
#ifndef ROUX_TENSOR_LAPACK_H_
#define ROUX_TENSOR_LAPACK_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tensor/openblas.h"

namespace roux::lapack {

template <class Function>
class Routine;
template <class... Arguments>
class Routine<void(Arguments...)> {
 public:
  constexpr explicit Routine(const char* symbol) : symbol_(symbol) {}
  void operator()(Arguments... arguments) const {
    openblas_function<void(Arguments...)>(symbol_)(arguments...);
  }

 private:
  const char* symbol_;
};

// A P = Q R with column pivoting.
inline constexpr Routine<void(const int* m, const int* n, double* a, const int* lda, int* pivots, double* tau,
                              double* work, const int* lwork, int* info)>
    dgeqp3("dgeqp3_");
// C := Q' C and its like, with Q from dgeqp3.
inline constexpr Routine<void(const char* side, const char* trans, const int* m, const int* n, const int* k,
                              const double* a, const int* lda, const double* tau, double* c, const int* ldc,
                              double* work, const int* lwork, int* info, size_t side_length,
                              size_t trans_length)>
    dormqr("dormqr_");
// A = Q R, and Q from the reflections that it leaves.
inline constexpr Routine<void(const int* m, const int* n, double* a, const int* lda, double* tau,
                              double* work, const int* lwork, int* info)>
    dgeqrf("dgeqrf_");
inline constexpr Routine<void(const int* m, const int* n, const int* k, double* a, const int* lda,
                              const double* tau, double* work, const int* lwork, int* info)>
    dorgqr("dorgqr_");
// The shortest x that minimises |A x - b|, by a complete orthogonal decomposition.
inline constexpr Routine<void(const int* m, const int* n, const int* columns, double* a, const int* lda,
                              double* b, const int* ldb, int* pivots, const double* rcond, int* rank,
                              double* work, const int* lwork, int* info)>
    dgelsy("dgelsy_");
// P A = L U, and solutions with it; solutions with a triangle.
inline constexpr Routine<void(const int* m, const int* n, double* a, const int* lda, int* pivots, int* info)>
    dgetrf("dgetrf_");
inline constexpr Routine<void(const char* trans, const int* n, const int* columns, const double* a,
                              const int* lda, const int* pivots, double* b, const int* ldb, int* info,
                              size_t trans_length)>
    dgetrs("dgetrs_");
inline constexpr Routine<void(const char* uplo, const char* trans, const char* diag, const int* n,
                              const int* columns, const double* a, const int* lda, double* b, const int* ldb,
                              int* info, size_t uplo_length, size_t trans_length, size_t diag_length)>
    dtrtrs("dtrtrs_");
// Cholesky factor, solution with it, inverse from it.
inline constexpr Routine<void(const char* uplo, const int* n, double* a, const int* lda, int* info,
                              size_t uplo_length)>
    dpotrf("dpotrf_");
inline constexpr Routine<void(const char* uplo, const int* n, const int* columns, const double* a,
                              const int* lda, double* b, const int* ldb, int* info, size_t uplo_length)>
    dpotrs("dpotrs_");
inline constexpr Routine<void(const char* uplo, const int* n, double* a, const int* lda, int* info,
                              size_t uplo_length)>
    dpotri("dpotri_");
// Eigenvalues (ascending) and eigenvectors of a symmetric matrix, by divide and conquer.
inline constexpr Routine<void(const char* jobz, const char* uplo, const int* n, double* a, const int* lda,
                              double* values, double* work, const int* lwork, int* iwork, const int* liwork,
                              int* info, size_t jobz_length, size_t uplo_length)>
    dsyevd("dsyevd_");
// Singular value decomposition, by divide and conquer.
inline constexpr Routine<void(const char* jobz, const int* m, const int* n, double* a, const int* lda,
                              double* singular, double* u, const int* ldu, double* vt, const int* ldvt,
                              double* work, const int* lwork, int* iwork, int* info, size_t jobz_length)>
    dgesdd("dgesdd_");

// routine(double* work, const int* size), called twice: first, with size -1, it says how much memory it
// wants.
template <class Call>
void with_work(const Call& routine) {
  double wanted = 0;
  int size = -1;
  routine(&wanted, &size);
  size = std::max(1, static_cast<int>(wanted));
  std::vector<double> work(static_cast<size_t>(size));
  routine(work.data(), &size);
}

}  // namespace roux::lapack

#endif  // ROUX_TENSOR_LAPACK_H_
