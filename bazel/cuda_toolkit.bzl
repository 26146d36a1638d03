"""@cuda_toolkit: the machine's CUDA toolkit, or nothing.

Looked for in $CUDA_HOME, on $PATH, in /usr/local/cuda and /usr/lib/cuda. Only --config=cuda uses it.
"""

# The first with cudaFuncGetName.
_OLDEST = "12.3"

_MISSING_BUILD = """# {problem}
package(default_visibility = ["//visibility:public"])

genrule(
    name = "missing",
    outs = ["missing.h"],
    cmd = "echo '{problem}' >&2; exit 1",
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

def version_of(nvcc_says):
    """The version in what `nvcc --version` prints, such as "12.3"."""
    return nvcc_says.split("release ")[-1].split(",")[0].strip()

def is_older(version, other):
    """Whether "12.3" is older than "12.10"."""
    parts = [[int(part) for part in text.split(".") if part.isdigit()] for text in [version, other]]
    return parts[0] < parts[1]

def _without(repository_ctx, problem):
    repository_ctx.file("BUILD", _MISSING_BUILD.format(problem = problem))
    repository_ctx.file("toolkit.bzl", "NVCC = \"\"\nVERSION = \"\"\nPROBLEM = \"%s\"\n" % problem)

def _cuda_toolkit_impl(repository_ctx):
    root = _find(repository_ctx)
    if not root:
        return _without(repository_ctx, "no CUDA toolkit was found: install it, put nvcc on PATH or set CUDA_HOME")
    version = version_of(repository_ctx.execute([root + "/bin/nvcc", "--version"]).stdout)
    if is_older(version, _OLDEST):
        return _without(repository_ctx, "the CUDA toolkit in %s is %s, needed %s or newer" % (root, version, _OLDEST))
    lib = [d for d in ["lib64", "lib", "targets/x86_64-linux/lib"] if repository_ctx.path("%s/%s/libcudart.so" % (root, d)).exists]
    include = [d for d in ["include", "targets/x86_64-linux/include"] if repository_ctx.path("%s/%s/cuda_runtime.h" % (root, d)).exists]
    if not lib or not include:
        return _without(repository_ctx, "the CUDA toolkit in %s has no libcudart.so or no cuda_runtime.h" % root)
    repository_ctx.symlink("%s/%s" % (root, include[0]), "include")
    repository_ctx.file("BUILD", _BUILD.format(lib = "%s/%s" % (root, lib[0])))
    repository_ctx.file("toolkit.bzl", "NVCC = \"%s/bin/nvcc\"\nVERSION = \"%s\"\nPROBLEM = \"\"\n" % (root, version))
    return None

cuda_toolkit = repository_rule(
    implementation = _cuda_toolkit_impl,
    environ = ["CUDA_HOME", "PATH"],
    local = True,
)
