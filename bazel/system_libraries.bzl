"""Debian's libraries as Bazel targets: `@abseil//:status`, `@googletest//:gtest_main`, ...

Each repository asks pkg-config (or names the library where Debian ships no .pc file) and writes one cc_library a target.
A missing package is an error only when a target that needs it is built; the message names the package.
"""

_HEADER = """# Written by bazel/system_libraries.bzl.
package(default_visibility = ["//visibility:public"])
"""

_SETUP_HINT = "is not installed: run bazel/setup"

def _run(repository_ctx, args):
    result = repository_ctx.execute(args)
    return [w for w in result.stdout.strip().replace("\n", " ").split(" ") if w] if result.return_code == 0 else None

def _target(name, linkopts = [], includes = [], hdrs_glob = "", deps = [], defines = []):
    lines = ["", "cc_library(", "    name = \"%s\"," % name]
    if hdrs_glob:
        lines.append("    hdrs = glob([\"%s\"])," % hdrs_glob)
    if includes:
        lines.append("    includes = %s," % repr(includes))
    if defines:
        lines.append("    defines = %s," % repr(defines))
    if linkopts:
        lines.append("    linkopts = %s," % repr(linkopts))
    if deps:
        lines.append("    deps = %s," % repr(deps))
    lines.append(")")
    return "\n".join(lines) + "\n"

def _missing(name, package):
    # Fails when built, not when loaded, so that unrelated targets go on working.
    return """
genrule(
    name = "{name}_missing",
    outs = ["{name}_missing.h"],
    cmd = "echo 'Debian package {package} {hint}' >&2; exit 1",
)

cc_library(name = "{name}", hdrs = ["{name}_missing.h"])
""".format(name = name, package = package, hint = _SETUP_HINT)

def _pkg_config_repository_impl(repository_ctx):
    build = _HEADER
    for name, module in repository_ctx.attr.modules.items():
        libs = _run(repository_ctx, ["pkg-config", "--libs", module])
        cflags = _run(repository_ctx, ["pkg-config", "--cflags-only-I", module])
        if libs == None or cflags == None:
            build += _missing(name, repository_ctx.attr.package)
            continue
        includes = []
        for i, flag in enumerate(cflags):
            link = "include_%s_%d" % (name, i)
            repository_ctx.symlink(flag[2:], link)
            includes.append(link)
        build += _target(
            name,
            linkopts = libs + repository_ctx.attr.extra_linkopts,
            includes = includes,
            hdrs_glob = "include_%s_*/**" % name if includes else "",
        )
    repository_ctx.file("BUILD", build)

_pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository_impl,
    attrs = {
        "modules": attr.string_dict(doc = "target name -> pkg-config module"),
        "package": attr.string(doc = "the Debian package, for the message when it is missing"),
        "extra_linkopts": attr.string_list(),
    },
    local = True,
)

def _plain_repository_impl(repository_ctx):
    build = _HEADER
    present = repository_ctx.path(repository_ctx.attr.header).exists
    for name, libs in repository_ctx.attr.libraries.items():
        if present:
            build += _target(name, linkopts = libs)
        else:
            build += _missing(name, repository_ctx.attr.package)
    repository_ctx.file("BUILD", build)

_plain_repository = repository_rule(
    implementation = _plain_repository_impl,
    attrs = {
        "header": attr.string(doc = "a file of the package; present means installed"),
        "libraries": attr.string_list_dict(doc = "target name -> link options"),
        "package": attr.string(),
    },
    local = True,
)

def _mpi_repository_impl(repository_ctx):
    # OpenMPI's C interface: its deprecated C++ bindings are not linked.
    include = _run(repository_ctx, ["mpicc", "--showme:incdirs"])
    libdirs = _run(repository_ctx, ["mpicc", "--showme:libdirs"])
    libs = _run(repository_ctx, ["mpicc", "--showme:libs"])
    if include == None or libdirs == None or libs == None:
        repository_ctx.file("BUILD", _HEADER + _missing("mpi", "libopenmpi-dev"))
        return
    repository_ctx.symlink(include[0], "include")
    repository_ctx.file("BUILD", _HEADER + _target(
        "mpi",
        linkopts = ["-L" + d for d in libdirs] + ["-l" + l for l in libs],
        includes = ["include"],
        hdrs_glob = "include/**/*.h",
        defines = ["OMPI_SKIP_MPICXX=1"],
    ))

_mpi_repository = repository_rule(implementation = _mpi_repository_impl, local = True)

_ABSEIL = [
    "algorithm_container",
    "any_invocable",
    "base",
    "bind_front",
    "bits",
    "btree",
    "cleanup",
    "config",
    "cord",
    "core_headers",
    "fixed_array",
    "flags",
    "flags_config",
    "flags_marshalling",
    "flags_parse",
    "flags_reflection",
    "flags_usage",
    "flat_hash_map",
    "flat_hash_set",
    "function_ref",
    "hash",
    "inlined_vector",
    "int128",
    "memory",
    "node_hash_map",
    "node_hash_set",
    "optional",
    "raw_logging_internal",
    "span",
    "stacktrace",
    "status",
    "statusor",
    "str_format",
    "strings",
    "symbolize",
    "failure_signal_handler",
    "synchronization",
    "time",
    "type_traits",
    "utility",
    "variant",
]

def system_libraries():
    """Declares every system library that Roux uses."""
    _pkg_config_repository(name = "abseil", package = "libabsl-dev", modules = {n: "absl_" + n for n in _ABSEIL})
    _pkg_config_repository(
        name = "googletest",
        package = "libgtest-dev libgmock-dev",
        modules = {"gtest": "gtest", "gtest_main": "gtest_main", "gmock": "gmock"},
    )
    _plain_repository(
        name = "google_benchmark",
        package = "libbenchmark-dev",
        header = "/usr/include/benchmark/benchmark.h",
        libraries = {"benchmark": ["-lbenchmark", "-lpthread"], "benchmark_main": ["-lbenchmark_main", "-lbenchmark", "-lpthread"]},
    )
    _plain_repository(
        name = "onednn",
        package = "libdnnl-dev",
        header = "/usr/include/oneapi/dnnl/dnnl.hpp",
        # libgomp by name: gemm.cc calls it, nothing else of ours links it.
        libraries = {"dnnl": ["-ldnnl", "-l:libgomp.so.1"]},
    )
    _plain_repository(
        name = "boost",
        package = "libboost-context-dev libboost-math-dev",
        header = "/usr/include/boost/context/fiber.hpp",
        libraries = {"context": ["-lboost_context"], "math": []},
    )
    _pkg_config_repository(name = "icu", package = "libicu-dev", modules = {"icu": "icu-uc"})
    _pkg_config_repository(name = "pcre2", package = "libpcre2-dev", modules = {"pcre2": "libpcre2-8"})
    _pkg_config_repository(name = "nlohmann_json", package = "nlohmann-json3-dev", modules = {"json": "nlohmann_json"})
    _plain_repository(
        name = "sentencepiece",
        package = "libsentencepiece-dev",
        header = "/usr/include/sentencepiece_processor.h",
        libraries = {"sentencepiece": ["-lsentencepiece"]},
    )
    _pkg_config_repository(name = "zlib", package = "zlib1g-dev", modules = {"zlib": "zlib"})
    _mpi_repository(name = "mpi")
