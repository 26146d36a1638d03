"""fuzz_target: one libFuzzer entry point, replayed by an ordinary test and fuzzed on demand.

    fuzz_target(name = "csv", deps = ["//recipes/kit/text/readers:csv"])

takes csv_fuzz.cc with LLVMFuzzerTestOneInput and the files of corpus/csv/, and makes
  :csv_replay  a test: runs every file of the corpus and some thousand fixed mutations of them;
  :csv_fuzz    a libFuzzer program, built with --config=fuzz only (see README.md).
"""

def fuzz_target(name, deps):
    native.cc_library(
        name = name + "_entry",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        deps = deps + ["//tensor:error"],
        alwayslink = True,
    )
    corpus = native.glob(["corpus/" + name + "/*"])
    native.cc_test(
        name = name + "_replay",
        size = "small",
        args = ["$(rootpath %s)" % file for file in corpus],
        data = corpus,
        deps = [
            ":" + name + "_entry",
            ":replay",
        ],
    )
    native.cc_binary(
        name = name + "_fuzz",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name + "_entry"],
    )
