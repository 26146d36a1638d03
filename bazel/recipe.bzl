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
    :resume_test   with `resume_test`: the same, interrupted at random moments (bazel/resume_test.sh)
    :run_test      with `run_test`: run_test.sh of the recipe, which gets the program's path
    :emulated_test the smoke preset on the kernels of a GPU, run by the CPU: the CPU's numbers within 1e-4
                   (bazel/emulated_test.sh). Compiles all kernels and takes minutes: tagged manual
More libraries and tests of a recipe are recipe_library and recipe_test: cc_library and cc_test of the files of that name,
with what most of them need.
"""

# What fills the tables of kernels and gradients: linked into each program, included by none. The kernels of the
# devices `cuda` and `emulated` come with the configurations of these names; without them a recipe builds in a
# fraction of the time.
TABLE_FILLERS = [
    "//autograd/rules",
    "//tensor/cpu",
]

# What every file of a recipe may use without asking for it; and tests beside it.
BASICS = [
    "//tensor:error",
    "@abseil//:status",
    "@abseil//:statusor",
    "@abseil//:strings",
]
TEST_BASICS = BASICS + [
    "//tensor:error_of",
    "//tensor:fresh_directory",
    "@googletest//:gtest_main",
]

def _joined(deps, basics):
    return [d for d in deps if d not in basics] + basics

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
        smoke_args = [],
        resume_test = False,
        run_test = False,
        emulated_args = [],
        emulated_in_ci = False):
    """Declares the targets of one recipe; see above.

    Args:
      name: slug of the paper and name of the folder.
      deps: of main.cc, beside :method, the harness, BASICS and the table fillers.
      method_deps: of method.h and method.cc, beside BASICS.
      test_deps: of method_test.cc, beside :method, TEST_BASICS and the table fillers.
      data: files that the program finds through runfiles.
      golden: whether there are reference values, tests/golden/recipes/<name>.json. Recipes of papers have them.
      smoke_size: size of the smoke test.
      smoke_args: further flags of the smoke test.
      resume_test: whether the smoke preset is resumed after interruptions. Recipes that train have it.
      run_test: whether there is a run_test.sh.
      emulated_args: further flags of :emulated_test, of both its runs: they cut the preset to minutes on the emulator.
      emulated_in_ci: whether :emulated_test is one of the tests of every change, which it may be if it takes less than a
        minute.
    """
    recipe_library(
        name = "method",
        deps = method_deps,
    )
    recipe_test(
        name = "method_test",
        golden = name if golden else "",
        deps = [":method"] + test_deps,
    )
    program_deps = _joined([":method", "//recipes/kit/run:main"] + deps, BASICS + TABLE_FILLERS)
    native.cc_binary(
        name = name,
        srcs = ["main.cc"],
        data = data,
        visibility = ["//visibility:public"],
        deps = program_deps + DEVICES,
    )
    native.cc_binary(
        name = name + "_emulated",
        testonly = True,
        srcs = ["main.cc"],
        data = data,
        tags = ["manual"],
        deps = program_deps + ["//cuda"],
    )
    native.sh_test(
        name = "emulated_test",
        size = "medium" if emulated_in_ci else "large",
        srcs = ["//bazel:emulated_test.sh"],
        args = ["$(rootpath //recipes:same_numbers)", "$(rootpath :%s_emulated)" % name] + emulated_args,
        data = [
            ":%s_emulated" % name,
            "//recipes:same_numbers",
        ],
        tags = [] if emulated_in_ci else ["manual"],
        # The emulator stays out of a build with TSan.
        target_compatible_with = select({
            "//bazel:tsan": ["//bazel:incompatible"],
            "//conditions:default": [],
        }),
    )
    native.sh_test(
        name = "smoke_test",
        size = smoke_size,
        srcs = ["//bazel:smoke_test.sh"],
        args = ["$(rootpath :%s)" % name] + smoke_args,
        data = [":" + name],
    )
    scripts = {}
    if resume_test:
        scripts["resume_test"] = "//bazel:resume_test.sh"
    if run_test:
        scripts["run_test"] = "run_test.sh"
    for test, script in scripts.items():
        native.sh_test(
            name = test,
            size = "small",
            srcs = [script],
            args = ["$(rootpath :%s)" % name],
            data = [
                ":" + name,
                "//bazel:run_test_functions.sh",
            ],
        )

def recipe_library(name, deps = []):
    """A cc_library of <name>.h and <name>.cc.

    Args:
      name: the library and its files.
      deps: beside BASICS.
    """
    native.cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [name + ".h"],
        deps = _joined(deps, BASICS),
    )

def recipe_test(name, deps, golden = "", data = []):
    """A cc_test of <name>.cc.

    Args:
      name: the test and its source.
      deps: beside TEST_BASICS and the table fillers.
      golden: the recipe of whose reference values it reads some (tests/golden/recipe_values.h), or none.
      data: files that it finds through runfiles.
    """
    if golden:
        data = data + ["//tests/golden/recipes:%s.json" % golden]
        deps = deps + ["//tests/golden:recipe_values"]
    native.cc_test(
        name = name,
        size = "small",
        srcs = [name + ".cc"],
        data = data,
        deps = _joined(deps, TEST_BASICS + TABLE_FILLERS),
    )
