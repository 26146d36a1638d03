"""Local stand-ins for the repositories that Bazel 4.2 downloads for its own tools."""

_RULES_CC_DEFS = """
cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_import = native.objc_import
objc_library = native.objc_library
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
"""

def _rules_cc_impl(repository_ctx):
    # Debian's own copy of rules_cc is too new for its Bazel: re-export the native rules instead.
    repository_ctx.file("WORKSPACE", "workspace(name = \"rules_cc\")\n")
    repository_ctx.file("BUILD", "")
    repository_ctx.file("cc/BUILD", "")
    repository_ctx.file("cc/defs.bzl", _RULES_CC_DEFS)

_rules_cc = repository_rule(implementation = _rules_cc_impl)

def _coverage_tools_impl(repository_ctx):
    # Every cc_test refers to the coverage report generator, whether coverage is asked for or not.
    repository_ctx.file("BUILD", """
package(default_visibility = ["//visibility:public"])

filegroup(name = "coverage_report_generator", srcs = [])
""")

_coverage_tools = repository_rule(implementation = _coverage_tools_impl)

def offline_repositories():
    _rules_cc(name = "rules_cc")
    _coverage_tools(name = "remote_coverage_tools")
