"""debian_data: the files of installed Debian packages as targets.

In WORKSPACE
    debian_data(name = "manpages_de", packages = ["manpages-de"], under = ["/usr/share/man/de"])
and `@manpages_de//:files` is a filegroup of those files, found at run time under `manpages_de/usr/share/man/de/...` of
the runfiles. The group is empty when a package is not installed. bazel/setup installs what recipes/data/packages.txt
lists.
"""

# dpkg lists folders too, and files that a local rule left out; the last characters are those that a label cannot carry.
_LIST_FILES = """
set -f
dpkg -L "$1" 2>/dev/null | while IFS= read -r path; do
  if [ -f "$path" ]; then printf '%s\\n' "$path"; fi
done | grep -v '[]:\\"?*[]' || true
"""

def _debian_data_impl(repository_ctx):
    found = []
    for package in repository_ctx.attr.packages:
        listed = repository_ctx.execute(["bash", "-c", _LIST_FILES, "list", package]).stdout
        for path in [p for p in listed.split("\n") if p]:
            if [None for prefix in repository_ctx.attr.under if path.startswith(prefix + "/")]:
                repository_ctx.symlink(path, path[1:])
                found.append(path[1:])
    repository_ctx.file("BUILD", """# Written by bazel/debian_data.bzl.
filegroup(
    name = "files",
    srcs = {srcs},
    visibility = ["//visibility:public"],
)
""".format(srcs = repr(found)))

debian_data = repository_rule(
    implementation = _debian_data_impl,
    attrs = {
        "packages": attr.string_list(mandatory = True),
        "under": attr.string_list(
            default = ["/usr/share"],
            doc = "only files below one of these folders (no slash at the end)",
        ),
    },
    local = True,
)
