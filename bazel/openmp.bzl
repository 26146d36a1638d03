"""Flags of the one file with OpenMP pragmas: copts = OPENMP_COPTS, linkopts = OPENMP_LINKOPTS, nowhere else."""

# Under TSan, and with clang (its OpenMP runtime is another package), parallel_for runs on std::thread.
OPENMP_COPTS = select({
    "//bazel:tsan": ["-DROUX_STD_THREADS"],
    "//bazel:clang": ["-DROUX_STD_THREADS"],
    "//conditions:default": ["-fopenmp"],
})

OPENMP_LINKOPTS = select({
    "//bazel:tsan": ["-pthread"],
    "//bazel:clang": ["-pthread"],
    "//conditions:default": ["-fopenmp"],
})
