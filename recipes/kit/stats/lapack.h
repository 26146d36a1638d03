// The LAPACK routines behind linear_algebra.h and decomposition.h, from libopenblas: declared here because
// its header brings the whole of BLAS. Column-major f64, 32-bit sizes; the trailing lengths are those of the
// character arguments, as gfortran passes them.
#ifndef ROUX_RECIPES_KIT_STATS_LAPACK_H_
#define ROUX_RECIPES_KIT_STATS_LAPACK_H_

#include <cstddef>

extern "C" {

// A P = Q R with column pivoting.
void dgeqp3_(const int* m, const int* n, double* a, const int* lda, int* pivots, double* tau, double* work,
             const int* lwork, int* info);
// C := Q' C and its like, with Q from dgeqp3.
void dormqr_(const char* side, const char* trans, const int* m, const int* n, const int* k, const double* a,
             const int* lda, const double* tau, double* c, const int* ldc, double* work, const int* lwork,
             int* info, size_t side_length, size_t trans_length);
// Cholesky factor, solution with it, inverse from it.
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info, size_t uplo_length);
void dpotrs_(const char* uplo, const int* n, const int* columns, const double* a, const int* lda, double* b,
             const int* ldb, int* info, size_t uplo_length);
void dpotri_(const char* uplo, const int* n, double* a, const int* lda, int* info, size_t uplo_length);
// Eigenvalues (ascending) and eigenvectors of a symmetric matrix, by divide and conquer.
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* values,
             double* work, const int* lwork, int* iwork, const int* liwork, int* info, size_t jobz_length,
             size_t uplo_length);
// Singular value decomposition, by divide and conquer.
void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda, double* singular,
             double* u, const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork,
             int* iwork, int* info, size_t jobz_length);

}  // extern "C"

#endif  // ROUX_RECIPES_KIT_STATS_LAPACK_H_
