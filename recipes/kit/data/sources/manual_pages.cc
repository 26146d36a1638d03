#include "recipes/kit/data/sources/manual_pages.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

struct Named {
  std::string_view name, text;
};
constexpr Named kCharacters[] = {
    {"aq", "'"}, {"dq", "\""}, {"oq", "‘"}, {"cq", "’"},  {"lq", "“"}, {"rq", "”"}, {"em", "—"}, {"en", "–"},
    {"bu", "•"}, {"co", "©"},  {"rg", "®"}, {"rs", "\\"}, {"ha", "^"}, {"ti", "~"}, {"ga", "`"}, {"mu", "×"},
    {"<=", "≤"}, {">=", "≥"},  {"!=", "≠"}, {"+-", "±"},  {"->", "→"}, {"Bq", "„"}, {"Fo", "«"}, {"Fc", "»"},
    {"ss", "ß"}, {":a", "ä"},  {":o", "ö"}, {":u", "ü"},  {":A", "Ä"}, {":O", "Ö"}, {":U", "Ü"}, {"'e", "é"}};
// Macros whose arguments are words of the text; those of two letters change the font between arguments and
// put no blank between them.
constexpr std::array<std::string_view, 4> kOneFont = {"B", "I", "SM", "SB"};
constexpr std::array<std::string_view, 6> kTwoFonts = {"BI", "BR", "IB", "IR", "RB", "RI"};
constexpr std::array<std::string_view, 8> kBreaks = {"PP", "P", "LP", "TP", "IP", "HP", "sp", "TQ"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view character(std::string_view name) {
  for (const Named& named : kCharacters) {
    if (named.name == name) return named.text;
  }
  return "";
}

// Takes the name of an escape off the front: "X", "(XX" or "[...]".
std::string_view take_name(std::string_view& rest) {
  if (rest.empty()) return "";
  size_t skip = 0, length = 1;
  if (rest[0] == '(') skip = 1, length = 2;
  if (rest[0] == '[') skip = 1, length = std::min(rest.find(']'), rest.size()) - 1;
  const std::string_view name = rest.substr(skip, length);
  rest.remove_prefix(std::min(rest.size(), skip + length + (rest[0] == '[' ? 1 : 0)));
  return name;
}

std::string without_escapes(std::string_view rest) {
  std::string out;
  while (!rest.empty()) {
    const size_t plain = std::min(rest.find('\\'), rest.size());
    out += rest.substr(0, plain);
    rest.remove_prefix(std::min(rest.size(), plain + 1));
    if (rest.empty()) break;
    const char escape = rest[0];
    if (escape == '(' || escape == '[') {
      out += character(take_name(rest));
      continue;
    }
    rest.remove_prefix(1);
    switch (escape) {
      case '"':
      case '#':
        return out;  // a comment
      case '-':
        out += '-';
        break;
      case 'e':
      case '\\':
        out += '\\';
        break;
      case '\'':
        out += '\'';
        break;
      case '`':
        out += '`';
        break;
      case ' ':
      case '~':
      case '0':
        out += ' ';
        break;
      case '.':
        out += '.';
        break;
      case 'f':
      case '*':
      case 'n':
      case 'm':
        take_name(rest);
        break;
      case 's':
        if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
        if (!rest.empty()) rest.remove_prefix(1);
        break;
      default:
        break;  // & / , | ^ c : and others: nothing to be seen
    }
  }
  return out;
}

// Words and "quoted words" of a macro's line.
std::vector<std::string> arguments_of(std::string_view line) {
  std::vector<std::string> arguments;
  while (true) {
    while (!line.empty() && line[0] == ' ') line.remove_prefix(1);
    if (line.empty() || absl::StartsWith(std::string(line.substr(0, 2)), "\\\"")) return arguments;
    size_t end;
    if (line[0] == '"') {
      line.remove_prefix(1);
      end = std::min(line.find('"'), line.size());
      arguments.push_back(without_escapes(line.substr(0, end)));
      line.remove_prefix(std::min(line.size(), end + 1));
    } else {
      for (end = 0; end < line.size() && line[end] != ' '; ++end)
        if (line[end] == '\\') ++end;  // "\ " does not end a word
      end = std::min(end, line.size());
      arguments.push_back(without_escapes(line.substr(0, end)));
      line.remove_prefix(end);
    }
  }
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

}  // namespace

std::string plain_roff(std::string_view roff) {
  std::string out;
  const auto paragraph = [&] {
    while (!out.empty() && (out.back() == ' ' || out.back() == '\n')) out.pop_back();
    if (!out.empty()) out += "\n\n";
  };
  bool filled = true;
  const auto add = [&](const std::string& text) {
    if (text.empty()) return;
    if (!out.empty() && out.back() != '\n') out += filled ? ' ' : '\n';
    out += text;
  };
  while (!roff.empty()) {
    const size_t end = std::min(roff.find('\n'), roff.size());
    std::string_view line = roff.substr(0, end);
    roff.remove_prefix(std::min(roff.size(), end + 1));
    if (line.empty()) {
      paragraph();
      continue;
    }
    if (line[0] != '.' && line[0] != '\'') {
      add(std::string(absl::StripAsciiWhitespace(without_escapes(line))));
      continue;
    }
    line.remove_prefix(1);
    while (!line.empty() && line[0] == ' ') line.remove_prefix(1);
    const size_t name_end = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, name_end);
    const std::vector<std::string> arguments = arguments_of(line.substr(name_end));
    if (name == "SH" || name == "SS") {
      paragraph();
      out += joined(arguments, " ");
      if (!arguments.empty()) out += '\n';
    } else if (contains(kOneFont, name)) {
      add(joined(arguments, " "));
    } else if (contains(kTwoFonts, name)) {
      add(joined(arguments, ""));
    } else if (contains(kBreaks, name)) {
      paragraph();
      if (name == "IP" && !arguments.empty()) add(arguments[0]);
    } else if (name == "nf" || name == "EX") {
      filled = false;
    } else if (name == "fi" || name == "EE") {
      filled = true;
    }
  }
  paragraph();
  if (!out.empty()) out.pop_back();  // ends with one newline
  return out;
}

absl::StatusOr<Sourced<std::vector<ManualPage>>> manual_pages(const std::string& language,
                                                              const SourceOptions& options) {
  if (language != "en" && language != "de")
    return absl::NotFoundError(
        absl::StrCat("there are no manual pages in '", language, "'; there are en, de"));
  const bool english = language == "en";
  const std::string folder = english ? "usr/share/man" : "usr/share/man/de";
  ROUX_ASSIGN_OR_RETURN(
      SourceFiles files,
      SourceFiles::open(english ? "manpages" : "manpages_de",
                        absl::StrCat(folder, english ? "/man2/open.2.gz" : "/man1/ls.1.gz"), options));
  std::vector<ManualPage> pages;
  for (const std::string& path : files.list(folder, ".gz")) {
    const std::string inside = path.substr(folder.size() + 1);
    if (!absl::StartsWith(inside, "man")) continue;  // other languages
    ROUX_ASSIGN_OR_RETURN(const std::string roff, files.read(path));
    const std::filesystem::path file = std::filesystem::path(inside).stem();
    ManualPage page{file.stem().string(), file.extension().string(), plain_roff(roff)};
    if (!page.section.empty()) page.section.erase(0, 1);
    if (!page.text.empty()) pages.push_back(std::move(page));
  }
  return Sourced<std::vector<ManualPage>>{std::move(pages), files.provenance()};
}

}  // namespace roux::kit
