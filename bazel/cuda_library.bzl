"""cuda_library: one .cu source, two twins.

    cuda_library(name = "softmax", srcs = ["softmax.cu"], deps = [...], alwayslink = True)

    :softmax_emulated   always: the host compiler, no CUDA header, ROUX_EMULATED defined, every load and store instrumented
    :softmax_cuda       under --config=cuda: nvcc
    :softmax            both twins as far as the configuration has them, in one program if need be; building it
                        compiles them
"""

load("@cuda_toolkit//:toolkit.bzl", "NVCC", "PROBLEM", "VERSION")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

# The emulated compile. The sanitizers only make the compiler call __tsan_read*/__tsan_write* at each access, and
# __ubsan_handle_* where an alignment or an array bound is broken: their libraries are not linked, these functions are the
# emulator's own. -g1: its reports name source lines.
EMULATED_COPTS = [
    "-x",
    "c++",
    "-DROUX_EMULATED=1",
    "-Wno-unknown-pragmas",
]

INSTRUMENTATION_COPTS = [
    "-fsanitize=thread",
    "-fsanitize=alignment,bounds",
    "-fsanitize-recover=alignment,bounds",
    "-g1",
]

# Real code for H100/H200 (with the a-suffix features) and PTX that newer GPUs compile for themselves; sm_80 is the
# portable floor (mma.sync, cp.async).
NVCC_ARCHITECTURES = [
    "arch=compute_80,code=[sm_80,compute_80]",
    "arch=compute_90a,code=sm_90a",
]

NVCC_OPTIONS = [
    "-std=c++20",
    "-O3",
    "--expt-relaxed-constexpr",
    "--extended-lambda",
    "--fmad=false",
    "-lineinfo",
    "--threads=1",
    "-Werror=all-warnings",
]

NVCC_HOST_OPTIONS = ["-fPIC", "-O2", "-Wall", "-march=x86-64-v3", "-ffp-contract=off"]

def _cuda_object_impl(ctx):
    cc_toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(ctx = ctx, cc_toolchain = cc_toolchain, requested_features = ctx.features, unsupported_features = ctx.disabled_features)
    infos = [dep[CcInfo] for dep in ctx.attr.deps]
    context = cc_common.merge_cc_infos(cc_infos = infos).compilation_context
    objects = []
    for src in ctx.files.srcs:
        if not NVCC:
            fail("--config=cuda needs a CUDA toolkit: " + PROBLEM)
        obj = ctx.actions.declare_file("_nvcc/%s/%s.o" % (ctx.label.name, src.basename))
        args = ctx.actions.args()
        args.add_all(["-c", src, "-o", obj, "-ccbin", cc_toolchain.compiler_executable])
        # Names of intermediate files come from the process id, which sandboxes that share /tmp have in common.
        args.add("--objdir-as-tempdir")
        args.add_all(NVCC_ARCHITECTURES, before_each = "-gencode")
        args.add_all(NVCC_OPTIONS)
        args.add_joined(NVCC_HOST_OPTIONS, join_with = ",", format_joined = "-Xcompiler=%s")
        args.add_all(ctx.attr.copts)
        args.add_all(context.defines, format_each = "-D%s")
        args.add_all([".", ctx.bin_dir.path], format_each = "-I%s")
        args.add_all(context.quote_includes, format_each = "-I%s")
        args.add_all(context.includes, format_each = "-I%s")
        args.add_all(context.system_includes, before_each = "-isystem")
        ctx.actions.run(
            executable = NVCC,
            arguments = [args],
            inputs = depset(ctx.files.srcs + ctx.files.hdrs, transitive = [context.headers]),
            tools = cc_toolchain.all_files,
            outputs = [obj],
            env = {"PATH": "/usr/bin:/bin", "TMPDIR": "/tmp", "ROUX_NVCC_VERSION": VERSION},
            mnemonic = "NvccCompile",
            progress_message = "Compiling %s with nvcc" % src.short_path,
        )
        objects.append(obj)
    outputs = cc_common.create_compilation_outputs(objects = depset(objects), pic_objects = depset(objects))
    linking, _ = cc_common.create_linking_context_from_compilation_outputs(
        actions = ctx.actions,
        name = ctx.label.name,
        feature_configuration = features,
        cc_toolchain = cc_toolchain,
        compilation_outputs = outputs,
        linking_contexts = [info.linking_context for info in infos],
        alwayslink = ctx.attr.alwayslink,
    )
    own = CcInfo(
        compilation_context = cc_common.create_compilation_context(headers = depset(ctx.files.hdrs)),
        linking_context = linking,
    )
    return [
        DefaultInfo(files = depset(objects)),
        cc_common.merge_cc_infos(cc_infos = [own] + infos),
    ]

_cuda_object = rule(
    implementation = _cuda_object_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".cu"]),
        "hdrs": attr.label_list(allow_files = True),
        "deps": attr.label_list(providers = [CcInfo]),
        "copts": attr.string_list(),
        "alwayslink": attr.bool(),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    incompatible_use_toolchain_transition = True,
)

def _emulated_copts():
    return EMULATED_COPTS + select({
        "//bazel:asan": [],
        "//conditions:default": INSTRUMENTATION_COPTS,
    })

# Wildcards such as //... pass by what does not fit the configuration.
def _only_if(setting):
    return select({setting: [], "//conditions:default": ["//bazel:incompatible"]})

def _unless(setting):
    return select({setting: ["//bazel:incompatible"], "//conditions:default": []})

def emulated_test(name, deps = [], **kwargs):
    """A test that contains kernels itself, compiled as an emulated twin."""
    native.cc_test(
        name = name,
        copts = _emulated_copts(),
        deps = deps + ["//cuda/emulator"],
        target_compatible_with = _unless("//bazel:tsan"),
        **kwargs
    )

def _cuda_group_impl(ctx):
    return [
        DefaultInfo(files = depset(transitive = [dep[DefaultInfo].files for dep in ctx.attr.deps])),
        cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]),
    ]

# Several libraries as one. Unlike a cc_library without sources, whose own outputs are none, building it builds them.
cuda_group = rule(
    implementation = _cuda_group_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
)

def cuda_library(
        name,
        srcs,
        hdrs = [],
        deps = [],
        emulated_deps = [],
        cuda_deps = [],
        alwayslink = False,
        visibility = None,
        **kwargs):
    """One family of CUDA kernels, as nvcc's twin and as the emulated one.

    Args:
      name: the target; its twins are <name>_emulated and <name>_cuda.
      srcs: .cu files; they name no CUDA header.
      hdrs: headers of both twins.
      deps: of both twins.
      emulated_deps: of the emulated twin alone, beside the emulator.
      cuda_deps: of nvcc's twin alone, beside the CUDA runtime.
      alwayslink: for libraries that register kernels.
      visibility: of all three.
      **kwargs: testonly, tags.
    """
    native.cc_library(
        name = name + "_emulated",
        srcs = srcs,
        hdrs = hdrs,
        copts = _emulated_copts(),
        deps = deps + emulated_deps + ["//cuda/emulator"],
        target_compatible_with = _unless("//bazel:tsan"),
        alwayslink = alwayslink,
        visibility = visibility,
        **kwargs
    )
    _cuda_object(
        name = name + "_cuda",
        srcs = srcs,
        hdrs = hdrs,
        deps = deps + cuda_deps + ["@cuda_toolkit//:runtime"],
        alwayslink = alwayslink,
        visibility = visibility,
        target_compatible_with = _only_if("//bazel:cuda"),
        **kwargs
    )
    cuda_group(
        name = name,
        deps = select({
            "//bazel:tsan": [],
            "//conditions:default": [":" + name + "_emulated"],
        }) + select({
            "//bazel:cuda": [":" + name + "_cuda"],
            "//conditions:default": [],
        }),
        visibility = visibility,
        **kwargs
    )
