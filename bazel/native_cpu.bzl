"""@native_cpu//:toolchain: the machine's C++ toolchain with its CPU written out, for --config=native.

The word "native" in a compile command would be the same on machines that differ, and a shared cache would mix them: here
the compiler is asked once what it means, and its answer (-march=... -mavx512f ... -mno-...) stands in each command.
"""

load("@bazel_tools//tools/cpp:cc_configure.bzl", "cc_autoconf_impl")

_MARKER = "\"-Wno-builtin-macro-redefined\""

def _cpu_flags(repository_ctx):
    cc = repository_ctx.os.environ.get("CC", "") or "gcc"
    result = repository_ctx.execute([cc, "-march=native", "-###", "-E", "-x", "c++", "/dev/null"])
    if result.return_code != 0:
        fail("--config=native: %s -march=native: %s" % (cc, result.stderr))
    command = [line for line in result.stderr.split("\n") if "cc1" in line][-1]
    words = [word.strip("\"") for word in command.split(" ") if word]
    if "-target-cpu" in words:  # clang
        return ["-march=" + words[words.index("-target-cpu") + 1]]
    return [w for w in words if w.startswith("-m") and w not in ["-march=native", "-mtune=native"]]

def _native_cpu_impl(repository_ctx):
    cc_autoconf_impl(repository_ctx)
    build = repository_ctx.read("BUILD")
    if _MARKER not in build:
        fail("--config=native: this Bazel writes its C++ toolchain in another way")

    # Among the unfiltered flags, which come after those of .bazelrc.
    flags = ", ".join(["\"%s\"" % flag for flag in _cpu_flags(repository_ctx)])
    repository_ctx.file("BUILD", build.replace(_MARKER, _MARKER + ", " + flags))

native_cpu = repository_rule(
    implementation = _native_cpu_impl,
    environ = ["CC", "PATH", "BAZEL_CXXOPTS", "BAZEL_LINKOPTS", "BAZEL_LINKLIBS"],
    configure = True,
    local = True,
)
