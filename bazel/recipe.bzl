"""recipe: one paper, or one experiment (examples/), one call.

    recipe(
        name = "my_paper",                        # the folder's name: bazel run //recipes/<slug>
        golden = True,
        method_deps = ["//nn:layers"],
        deps = ["//recipes/kit/data:corpus"],     # of main.cc, beside :method and the kit
    )

gives
    :my_paper      the program, from main.cc
    :method        the paper's contribution as a library, from method.h and method.cc
    :method_test   closed forms, invariants and limiting cases, from method_test.cc; with `golden` also the values of
                   tests/golden/recipes/<name>.json, which the script beside it computes (tests/golden/recipe_values.h)
    :smoke_test    the program with --preset=smoke: exit code 0 and every output file written
More libraries and tests of a recipe are plain cc_library and cc_test beside it.
"""

# What fills the tables of kernels and gradients: linked into each program, included by none. The kernels of the
# devices `cuda` and `emulated` come with the configurations of these names; without them a recipe builds in a
# fraction of the time.
TABLE_FILLERS = [
    "//autograd/rules",
    "//tensor/cpu",
]

DEVICES = select({
    "//bazel:cuda": ["//cuda"],
    "//bazel:emulated": ["//cuda"],
    "//conditions:default": [],
})

def recipe(
        name,
        deps = [],
        method_deps = [],
        test_deps = [],
        data = [],
        golden = False,
        smoke_size = "small",
        smoke_args = []):
    """Declares the targets of one recipe; see above.

    Args:
      name: slug of the paper and name of the folder.
      deps: of main.cc, beside :method, the kit and the table fillers.
      method_deps: of method.h and method.cc.
      test_deps: of method_test.cc, beside :method and GoogleTest.
      data: files that the program finds through runfiles.
      golden: whether there are reference values, tests/golden/recipes/<name>.json. Recipes of papers have them.
      smoke_size: size of the smoke test.
      smoke_args: further flags of the smoke test.
    """
    native.cc_library(
        name = "method",
        srcs = ["method.cc"],
        hdrs = ["method.h"],
        deps = method_deps,
    )
    native.cc_test(
        name = "method_test",
        size = "small",
        srcs = ["method_test.cc"],
        data = ["//tests/golden/recipes:%s.json" % name] if golden else [],
        deps = [":method", "@googletest//:gtest_main"] + (["//tests/golden:recipe_values"] if golden else []) + [d for d in test_deps if d not in TABLE_FILLERS] + TABLE_FILLERS,
    )
    native.cc_binary(
        name = name,
        srcs = ["main.cc"],
        data = data,
        visibility = ["//visibility:public"],
        deps = [":method", "//recipes/kit/run:main"] + [d for d in deps if d not in TABLE_FILLERS] + TABLE_FILLERS + DEVICES,
    )
    native.sh_test(
        name = "smoke_test",
        size = smoke_size,
        srcs = ["//bazel:smoke_test.sh"],
        args = ["$(rootpath :%s)" % name] + smoke_args,
        data = [":" + name],
    )
