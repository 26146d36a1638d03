// What a README or a message may name, looked up in the source tree: labels, files, flags, configurations and
// names of the code. Text, not syntax: a target exists if its BUILD file has its name in quotes, or makes
// targets in a loop and the folder has a source of that name; an identifier if any source has the word.
#ifndef ROUX_TESTS_NAMES_NAMES_H_
#define ROUX_TESTS_NAMES_NAMES_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace roux::names {

// Immutable; paths are relative to the root, without "./".
struct Tree {
  std::map<std::string, std::string> text;  // of each file that holds text
  std::set<std::string> paths;              // files and folders
  std::set<std::string> words;              // of all files but READMEs
  std::set<std::string> flags;              // that programs and scripts read

  // Files that git would know: without hidden folders, outputs, links of Bazel, and binaries' contents.
  static Tree read(const std::string& root);
  // Of these files alone, for tests of the checks.
  static Tree of(std::map<std::string, std::string> files);
};

// The complaints about one file, each with its line. Empty: all that it names exists.
//   labels       in any file, with and without a target, and with "..."; behind "link" or a bazel command the
//                target itself must exist, elsewhere a package suffices; upper case is a placeholder
//   commands     `bazel build|test|run --config=NAME`: .bazelrc has NAME
//   READMEs too: links; paths and file names in backticks; --flags that a program or script reads; and, with
//                `identifiers`, the names of the code in backticks
std::vector<std::string> check_labels(const Tree& tree, const std::string& file);
std::vector<std::string> check_readme(const Tree& tree, const std::string& file, bool identifiers);
// Of a C++ source: --flags in its string literals, and paths there that begin with a folder of the root.
std::vector<std::string> check_messages(const Tree& tree, const std::string& file);
// Of all files but tests: classes that two of them define with one name in one namespace, the second of each
// pair. A program that links both would run the functions of one on objects of the other.
std::vector<std::string> check_classes(const Tree& tree);

}  // namespace roux::names

#endif  // ROUX_TESTS_NAMES_NAMES_H_
