#include "tests/names/names.h"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/atomic_file.h"

namespace roux::names {
namespace {

namespace fs = std::filesystem;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_readme(const std::string& file) { return absl::EndsWith(file, ".md"); }

std::string folder_of(const std::string& file) {
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

std::string joined(const std::string& folder, const std::string& name) {
  return fs::path(folder.empty() ? name : absl::StrCat(folder, "/", name)).lexically_normal().string();
}

std::string without_slash(std::string path) {
  while (!path.empty() && path.back() == '/') path.pop_back();
  return path;
}

void add_words(std::string_view text, std::set<std::string>* words) {
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > i) words->insert(std::string(text.substr(i, end - i)));
    i = end + 1;
  }
}

// What programs and scripts compare their arguments with: "name", "--name", "--name=", --name), --name=*).
void add_flags(const std::string& text, std::set<std::string>* flags) {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool quoted = text[i] == '"';
    if (!quoted && text.compare(i, 2, "--") != 0) continue;
    size_t begin = i + (quoted ? 1 : 0);
    if (text.compare(begin, 2, "--") == 0) begin += 2;
    size_t end = begin;
    while (end < text.size() && (is_word(text[end]) || text[end] == '-')) ++end;
    const bool closed =
        quoted ? text[end] == '"' || text[end] == '=' : text[end] == ')' || text.compare(end, 3, "=*)") == 0;
    if (end > begin && end < text.size() && closed) flags->insert(text.substr(begin, end - begin));
  }
}

void add_path(const std::string& path, Tree* tree) {
  for (std::string at = path; !at.empty(); at = folder_of(at)) tree->paths.insert(at);
}

std::string located(const Tree& tree, const std::string& file, size_t at, const std::string& what) {
  const std::string& text = tree.text.at(file);
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<int64_t>(at), '\n');
  return absl::StrCat(file, ":", line, ": ", what);
}

// Calls visit(match) for every place of the text where the pattern is.
template <class F>
void for_each(const std::string& text, const std::regex& pattern, const F& visit) {
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) visit(*it);
}

bool has_target(const Tree& tree, const std::string& package, const std::string& name) {
  const auto build = tree.text.find(joined(package, "BUILD"));
  if (build == tree.text.end()) return false;
  if (name == "all" || absl::StrContains(build->second, absl::StrCat("\"", name, "\""))) return true;
  if (tree.paths.contains(joined(package, name))) return true;
  // Targets made in a loop over sources, or by a macro of the package's own, have no name in quotes.
  static const std::regex kLoop("name = [a-z_]|load\\(\":");
  if (!std::regex_search(build->second, kLoop)) return false;
  std::string base = name;
  for (const char* twin : {"_emulated", "_cuda", "_entries"}) {
    if (absl::EndsWith(base, twin)) base.resize(base.size() - std::string(twin).size());
  }
  return tree.paths.contains(joined(package, base + ".cc")) ||
         tree.paths.contains(joined(package, base + ".cu"));
}

// Whether the line up to `at`, where a label stands, asks for its target: "link", "bazel run --config=cuda".
bool asks_for_target(const std::string& text, size_t at) {
  const size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  static const std::regex kAsks("(link|bazel (build|test|run)( -[^ ]*)*) $");
  const std::string before = text.substr(begin, at - begin);
  return std::regex_search(before, kAsks);
}

struct Quote {
  std::string text;
  size_t at;
  bool ticks = false;  // in backticks, not a block
};

// What a README writes as code: backticks, and lines of indented or fenced blocks.
std::vector<Quote> code_of(const std::string& text) {
  std::vector<Quote> quotes;
  bool fenced = false;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const bool fence = absl::StartsWith(line, "```");
    if (fence) fenced = !fenced;
    if (!fence && (fenced || absl::StartsWith(line, "    "))) quotes.push_back({line, begin});
    begin = end + 1;
  }
  static const std::regex kTicks("`([^`\n]+)`");
  for_each(text, kTicks, [&](const std::smatch& m) {
    quotes.push_back({m[1], static_cast<size_t>(m.position(1)), true});
  });
  return quotes;
}

void check_flags_of(const Tree& tree, const std::string& file, const Quote& quote,
                    std::vector<std::string>* out) {
  static const std::regex kFlag("(^|[^\\w-])--([a-z]([a-z0-9_-]*[a-z0-9])?)(=(\\w+))?(?![\\w-])");
  for_each(quote.text, kFlag, [&](const std::smatch& m) {
    const std::string flag = m[2], value = m[5];
    if (flag == "config" && !value.empty()) {
      const auto rc = tree.text.find(".bazelrc");
      const std::regex defined(absl::StrCat("(^|\n)(build|test):", value, " "));
      if (rc != tree.text.end() && std::regex_search(rc->second, defined)) return;
      out->push_back(located(tree, file, quote.at, absl::StrCat("--config=", value, " is not in .bazelrc")));
    } else if (!tree.flags.contains(flag)) {
      out->push_back(
          located(tree, file, quote.at, absl::StrCat("--", flag, " is read by no program or script")));
    }
  });
}

void check_root_paths(const Tree& tree, const std::string& file, const Quote& quote,
                      std::vector<std::string>* out) {
  static const std::regex kPath("(^|[^\\w/.:<>~*-])(([a-z]\\w*)(/[\\w.-]*\\w)+)(?![\\w*<%.-])");
  for_each(quote.text, kPath, [&](const std::smatch& m) {
    const std::string path = m[2], top = m[3];
    if (!tree.paths.contains(top) || tree.paths.contains(path)) return;
    out->push_back(located(tree, file, quote.at, absl::StrCat(path, " does not exist")));
  });
}

bool path_exists(const Tree& tree, const std::string& file, const std::string& path) {
  if (tree.paths.contains(joined(folder_of(file), path)) || tree.paths.contains(path)) return true;
  if (absl::StrContains(path, "/")) return false;
  return std::any_of(tree.paths.begin(), tree.paths.end(),
                     [&](const std::string& p) { return absl::EndsWith(p, absl::StrCat("/", path)); });
}

// Whether `at` lies in a block of code, where "](" is a lambda.
bool in_code_block(const std::string& text, size_t at) {
  bool inside = false;
  for (size_t i = text.find("```"); i < at; i = text.find("```", i + 3)) inside = !inside;
  return inside;
}

}  // namespace

Tree Tree::read(const std::string& root) {
  std::map<std::string, std::string> files;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    const std::string name = it->path().filename();
    const bool top = it.depth() == 0;
    const bool skipped = (name[0] == '.' && name != ".bazelrc") || name == "__pycache__" ||
                         (top && (name == "outputs" || absl::StartsWith(name, "bazel-")));
    if (skipped || it->is_symlink()) {
      it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file()) continue;
    auto text = kit::read_file(it->path().string());
    const bool readable = text.ok() && text->size() < (1u << 20) && !absl::StrContains(*text, '\0');
    files[fs::relative(it->path(), root).string()] = readable ? *std::move(text) : "";
  }
  return of(std::move(files));
}

Tree Tree::of(std::map<std::string, std::string> files) {
  Tree tree;
  tree.text = std::move(files);
  for (const auto& [file, text] : tree.text) {
    add_path(file, &tree);
    if (is_readme(file)) continue;
    add_words(text, &tree.words);
    add_flags(text, &tree.flags);
  }
  return tree;
}

std::vector<std::string> check_labels(const Tree& tree, const std::string& file) {
  std::vector<std::string> out;
  const std::string& text = tree.text.at(file);
  // Not "https://", not "@repository//", and not Bazel's own words.
  static const std::regex kLabel(
      "(^|[\\s\"'`(,=\\[])//(?!visibility|conditions)([a-z]\\w*(/\\w+)*)?(/\\.\\.\\.|/[<\"'A-Z*]|:[\\w./"
      "-]*)?");
  for_each(text, kLabel, [&](const std::smatch& m) {
    const std::string package = m[2], rest = m[4];
    if (package.empty() && rest.empty()) return;  // a comment
    const auto at = static_cast<size_t>(m.position(2)) - 2;
    const std::string label = absl::StrCat("//", package, rest);
    const auto fail = [&](const char* what) {
      out.push_back(located(tree, file, at, absl::StrCat(label, what)));
    };
    if (!package.empty() && !tree.paths.contains(package)) return fail(": no such folder");
    if (absl::StartsWith(rest, "/")) return;    // a pattern or a part that varies
    if (absl::StartsWith(rest, ":__")) return;  // __subpackages__
    const bool package_file = tree.paths.contains(joined(package, "BUILD"));
    if (!package_file) return fail(": the folder is no package");
    if (rest == ":" && text.substr(at + label.size(), 1) != "\"")
      return;  // a placeholder follows: ":<family>"
    if (rest.size() > 1 && std::all_of(rest.begin() + 1, rest.end(),
                                       [](char c) { return c == '_' || (c >= 'A' && c <= 'Z'); })) {
      return;
    }
    const std::string last = package.substr(package.rfind('/') + 1);
    if (rest.empty() ? asks_for_target(text, at) && !has_target(tree, package, last)
                     : !has_target(tree, package, rest.substr(1))) {
      fail(": no such target");
    }
  });
  return out;
}

std::vector<std::string> check_readme(const Tree& tree, const std::string& file, bool identifiers) {
  std::vector<std::string> out;
  const std::string& text = tree.text.at(file);
  static const std::regex kLink("\\]\\(([^)#\\s]+)(#[^)]*)?\\)");
  for_each(text, kLink, [&](const std::smatch& m) {
    const std::string path = m[1];
    const bool elsewhere = absl::StrContains(path, "://");
    if (in_code_block(text, static_cast<size_t>(m.position(1)))) return;
    if (elsewhere || tree.paths.contains(without_slash(joined(folder_of(file), path)))) return;
    out.push_back(located(tree, file, static_cast<size_t>(m.position(1)), absl::StrCat("link to ", path)));
  });
  // A target alone, `:bpe`, is of the package of the label before it in the line.
  static const std::regex kTarget("`(//([\\w/]+))?:([\\w.-]+)`|\n");
  std::string package;
  for_each(text, kTarget, [&](const std::smatch& m) {
    if (m[1].matched || !m[3].matched) package = m[2];
    if (package.empty() || !m[3].matched || has_target(tree, package, m[3])) return;
    const std::string label = absl::StrCat("//", package, ":", m[3].str());
    out.push_back(located(tree, file, static_cast<size_t>(m.position(0)), label + ": no such target"));
  });
  // Sources by their endings, folders by the slash at the end.
  static const std::regex kPath(
      "(^|[^\\w/.:<>~*-])((\\w[\\w.-]*/)*[\\w-]+\\.(h|cc|cu|cuh|md|bzl|py|sh|tsv)|(\\w[\\w.-]*/)+)(?![\\w*<./"
      "{])");
  for (const Quote& quote : code_of(text)) {
    check_flags_of(tree, file, quote, &out);
    if (!identifiers || !quote.ticks) continue;
    for_each(quote.text, kPath, [&](const std::smatch& m) {
      const std::string path = without_slash(m[2]);
      if (absl::StartsWith(path, "outputs") || absl::StrContains(path, "NAME") ||
          path_exists(tree, file, path)) {
        return;
      }
      out.push_back(located(tree, file, quote.at, absl::StrCat(path, " does not exist")));
    });
    std::set<std::string> words;
    add_words(quote.text, &words);
    for (const std::string& word : words) {
      const bool name = word.size() > 1 && !std::isdigit(static_cast<unsigned char>(word[0]));
      const bool placeholder = absl::StrContains(word, "NAME");
      if (!name || placeholder || tree.words.contains(word)) continue;
      out.push_back(located(tree, file, quote.at, absl::StrCat(word, " stands in no source")));
    }
  }
  return out;
}

std::vector<std::string> check_messages(const Tree& tree, const std::string& file) {
  std::vector<std::string> out;
  const std::string& text = tree.text.at(file);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') continue;
    size_t end = i + 1;
    while (end < text.size() && text[end] != '"' && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) break;
    if (text[end] == '"') {
      const Quote quote{text.substr(i + 1, end - i - 1), i};
      check_flags_of(tree, file, quote, &out);
      check_root_paths(tree, file, quote, &out);
    }
    i = end;
  }
  return out;
}

std::vector<std::string> check_classes(const Tree& tree) {
  static const std::regex kOpen("namespace ?([\\w:]*) \\{");
  static const std::regex kClass(
      "(template <.*> )?(class|struct) (\\[\\[nodiscard\\]\\] )?(\\w+)( final)?( :.*)? \\{.*");
  std::vector<std::string> out;
  std::map<std::string, std::string> first;  // file of each class
  for (const auto& [file, text] : tree.text) {
    const bool code =
        absl::EndsWith(file, ".h") || absl::EndsWith(file, ".cc") || absl::EndsWith(file, ".cu");
    if (!code || absl::EndsWith(file, "_test.cc")) continue;
    std::vector<std::string> spaces;
    size_t at = 0;
    for (const absl::string_view part : absl::StrSplit(text, '\n')) {
      const std::string line(part);
      std::smatch m;
      if (std::regex_match(line, m, kOpen)) {
        spaces.push_back(m[1].matched && m[1].length() > 0 ? m[1].str() : "");
      } else if (absl::StartsWith(line, "}  // namespace")) {
        if (!spaces.empty()) spaces.pop_back();
      } else if (std::regex_match(line, m, kClass) &&
                 std::find(spaces.begin(), spaces.end(), "") == spaces.end()) {
        const std::string name = absl::StrCat(absl::StrJoin(spaces, "::"), "::", m[4].str());
        const auto [found, added] = first.emplace(name, file);
        if (!added && found->second != file) {
          out.push_back(located(tree, file, at, absl::StrCat(name, " is another one in ", found->second)));
        }
      }
      at += line.size() + 1;
    }
  }
  return out;
}

}  // namespace roux::names
