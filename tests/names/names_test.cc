// What READMEs, comments and messages name exists.
#include "tests/names/names.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "recipes/kit/data/runfiles.h"

namespace roux::names {
namespace {

using Complaints = std::vector<std::string>;

const Tree& source_tree() {
  static const Tree& tree = *new Tree(
      Tree::read(std::filesystem::canonical(*kit::find_runfile("WORKSPACE")).parent_path().string()));
  return tree;
}

void expect_none(const Complaints& complaints) {
  for (const std::string& complaint : complaints) ADD_FAILURE() << complaint;
}

bool is_source(const std::string& file) {
  if (absl::EndsWith(file, "_test.cc")) return false;  // inputs of tests may name what is not there
  for (const char* ending : {".cc", ".h", ".cu", ".cuh", ".bzl", ".py", ".sh", ".md", "BUILD", ".bazelrc"}) {
    if (absl::EndsWith(file, ending)) return true;
  }
  return file.find('.') == std::string::npos;  // scripts
}

TEST(Names, LabelsOfAllFilesExist) {
  int files = 0;
  for (const auto& [file, text] : source_tree().text) {
    if (!is_source(file)) continue;
    ++files;
    expect_none(check_labels(source_tree(), file));
  }
  EXPECT_GE(files, 500);
}

TEST(Names, OfReadmesExist) {
  int files = 0;
  for (const auto& [file, text] : source_tree().text) {
    if (!absl::EndsWith(file, ".md")) continue;
    ++files;
    // Those that describe files of others name what no source does.
    const bool foreign = file == "recipes/data/README.md" || absl::EndsWith(file, "PROVENANCE.md");
    expect_none(check_readme(source_tree(), file, !foreign));
  }
  EXPECT_GE(files, 10);
}

TEST(Names, OfMessagesExist) {
  for (const auto& [file, text] : source_tree().text) {
    const bool code =
        absl::EndsWith(file, ".cc") || absl::EndsWith(file, ".h") || absl::EndsWith(file, ".cu");
    if (code && is_source(file)) expect_none(check_messages(source_tree(), file));
  }
}

TEST(Names, OfClassesStandOnce) { expect_none(check_classes(source_tree())); }

Tree small() {
  return Tree::of(
      {{"a/BUILD", "cc_library(name = \"a\")\ncc_test(name = \"a_test\")\n[cuda_library(name = f)]"},
       {"a/kernel.cu", "int run_kernel; // link //a\n"},
       {"only/files.txt", "cu h kernel only files txt bazel build config fix seed"},
       {".bazelrc", "build:cuda --define=cuda=nvcc\n"},
       {"tool", "case $1 in --fix) ;; --seed=*) ;; esac\n"}});
}

Complaints labels(const std::string& text) {
  Tree tree = small();
  tree.text["f.cc"] = text;
  return check_labels(tree, "f.cc");
}

TEST(NamesChecks, Labels) {
  for (const char* good :
       {"// a comment", "//a", "//a:a_test", "(//a:kernel_cuda)", "link //a", "bazel build //a/...",
        "bazel run --config=cuda //a:a_test", "//only/...", "https://x.org/b", "@r//usr/share",
        "//visibility:public", "//a:<family>", "\"//a/\" + slug", "//a/<slug>"}) {
    EXPECT_EQ(labels(good), Complaints{}) << good;
  }
  EXPECT_EQ(labels("x\n see //b:c"), Complaints{"f.cc:2: //b:c: no such folder"});
  EXPECT_EQ(labels("//a:b"), Complaints{"f.cc:1: //a:b: no such target"});
  EXPECT_EQ(labels("\"link //a:\""), Complaints{"f.cc:1: //a:: no such target"});
  EXPECT_EQ(labels("//only"), Complaints{"f.cc:1: //only: the folder is no package"});
  EXPECT_EQ(labels("//a/b/..."), Complaints{"f.cc:1: //a/b/...: no such folder"});
  Tree tree = small();
  tree.text["b/BUILD"] = "cc_library(name = \"c\", srcs = glob([\"*.cc\"]))";
  tree.paths.insert({"b", "b/BUILD", "b/source.cc"});
  tree.text["f.cc"] = "see //b";
  EXPECT_EQ(check_labels(tree, "f.cc"), Complaints{});
  tree.text["f.cc"] = "link //b:source";  // one of a library's sources is no target
  EXPECT_EQ(check_labels(tree, "f.cc"), Complaints{"f.cc:1: //b:source: no such target"});
  tree.text["f.cc"] = "bazel test --config=cuda //b";
  EXPECT_EQ(check_labels(tree, "f.cc"), Complaints{"f.cc:1: //b: no such target"});
}

TEST(NamesChecks, Readmes) {
  const auto complaints = [](const std::string& text) {
    Tree tree = small();
    tree.text["a/README.md"] = text;
    return check_readme(tree, "a/README.md", true);
  };
  for (const char* good :
       {"[x](kernel.cu) [y](../only/) [z](https://x.org) `kernel.cu` `only/files.txt`", "`run_kernel`",
        "`--fix` `--seed=3` `bazel build --config=cuda`", "gone words outside of backticks"}) {
    EXPECT_EQ(complaints(good), Complaints{}) << good;
  }
  EXPECT_EQ(complaints("```\n[&](gone)\n```\n[x](kernel.cu)"), Complaints{});
  EXPECT_EQ(complaints("\n[x](gone.cu)"), Complaints{"a/README.md:2: link to gone.cu"});
  EXPECT_EQ(complaints("`//a:a_test` `:a`\n`:kernel`"), Complaints{});  // of a package not named in its line
  EXPECT_EQ(complaints("x\n`//a:a_test` `:gone`").front(), "a/README.md:2: //a:gone: no such target");
  EXPECT_EQ(complaints("`kernel/gone.h`").size(), 2u);  // the path and the word
  EXPECT_EQ(complaints("`run_gone`"), Complaints{"a/README.md:1: run_gone stands in no source"});
  EXPECT_EQ(complaints("`--gone`").front(), "a/README.md:1: --gone is read by no program or script");
  EXPECT_EQ(complaints("    tool --config=gone").front(), "a/README.md:1: --config=gone is not in .bazelrc");
}

TEST(NamesChecks, Messages) {
  Tree tree = small();
  tree.text["f.cc"] = "f(\"set --fix or --gone\"); // --other\n";
  EXPECT_EQ(check_messages(tree, "f.cc"), Complaints{"f.cc:1: --gone is read by no program or script"});
  tree.text["f.cc"] = "f(\"run a/kernel.cu or only/ or b/c\", \"a/\");\ng(\"see a/gone.h\");\n";
  EXPECT_EQ(check_messages(tree, "f.cc"), Complaints{"f.cc:2: a/gone.h does not exist"});
}

TEST(NamesChecks, Classes) {
  const auto complaints = [](const std::string& text) {
    Tree tree = small();
    tree.text["a.h"] = "namespace a::b {\nstruct Kept {\n};\n}  // namespace a::b\n";
    tree.text["c.h"] = text;
    return check_classes(tree);
  };
  for (const char* good :
       {"struct Kept {", "namespace a {\nstruct Kept {", "namespace a::b {\nclass Kept;",
        "namespace a::b {\nnamespace {\nstruct Kept {", "namespace a::b {\nstruct Kept::X {",
        "namespace a::b {\ntemplate <>\nstruct Kept<int> {", "namespace a::b {\n  struct Kept {"}) {
    EXPECT_EQ(complaints(good), Complaints{}) << good;
  }
  EXPECT_EQ(complaints("namespace a::b {\n\ntemplate <class T> class Kept final : public T {\n"),
            Complaints{"c.h:3: a::b::Kept is another one in a.h"});
}

}  // namespace
}  // namespace roux::names
