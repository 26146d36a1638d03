"""@cuda_toolkit: the machine's CUDA toolkit, or nothing.

Looked for in $CUDA_HOME, on $PATH, in /usr/local/cuda and /usr/lib/cuda. Only --config=cuda uses it.
"""

_MISSING_BUILD = """# No CUDA toolkit was found.
package(default_visibility = ["//visibility:public"])

genrule(
    name = "missing",
    outs = ["missing.h"],
    cmd = "echo 'no CUDA toolkit was found: install it, put nvcc on PATH or set CUDA_HOME' >&2; exit 1",
)

cc_library(name = "runtime", hdrs = ["missing.h"])
"""

_BUILD = """# Written by bazel/cuda_toolkit.bzl.
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "runtime",
    hdrs = glob(["include/*.h", "include/*.hpp", "include/crt/**"]),
    includes = ["include"],
    linkopts = ["-L{lib}", "-Wl,-rpath,{lib}", "-lcudart"],
)
"""

def _find(repository_ctx):
    home = repository_ctx.os.environ.get("CUDA_HOME", "")
    nvcc = repository_ctx.which("nvcc")
    roots = [home] if home else []
    if nvcc:
        roots.append(str(nvcc.realpath.dirname.dirname))
    for root in roots + ["/usr/local/cuda", "/usr/lib/cuda"]:
        if repository_ctx.path(root + "/bin/nvcc").exists:
            return str(repository_ctx.path(root).realpath)
    return None

def _cuda_toolkit_impl(repository_ctx):
    root = _find(repository_ctx)
    if not root:
        repository_ctx.file("BUILD", _MISSING_BUILD)
        repository_ctx.file("toolkit.bzl", "NVCC = \"\"\nVERSION = \"\"\n")
        return
    lib = [d for d in ["lib64", "lib", "targets/x86_64-linux/lib"] if repository_ctx.path("%s/%s/libcudart.so" % (root, d)).exists]
    include = [d for d in ["include", "targets/x86_64-linux/include"] if repository_ctx.path("%s/%s/cuda_runtime.h" % (root, d)).exists]
    if not lib or not include:
        repository_ctx.file("BUILD", _MISSING_BUILD)
        repository_ctx.file("toolkit.bzl", "NVCC = \"\"\nVERSION = \"\"\n")
        return
    version = repository_ctx.execute([root + "/bin/nvcc", "--version"]).stdout.split("release ")[-1].split(",")[0]
    repository_ctx.symlink("%s/%s" % (root, include[0]), "include")
    repository_ctx.file("BUILD", _BUILD.format(lib = "%s/%s" % (root, lib[0])))
    repository_ctx.file("toolkit.bzl", "NVCC = \"%s/bin/nvcc\"\nVERSION = \"%s\"\n" % (root, version))

cuda_toolkit = repository_rule(
    implementation = _cuda_toolkit_impl,
    environ = ["CUDA_HOME", "PATH"],
    local = True,
)
