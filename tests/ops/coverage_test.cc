// Every public op, that is every function declared in tensor/ops/<family>.h, has an entry in tests/ops.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace {

std::string read(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Names that the headers declare and that are no ops of their own.
const std::set<std::string> kNotOps = {
    "empty_like",  // values are undefined
    "tensor",      // host values to tensor: used by every check
};

std::set<std::string> matches(const std::string& folder, const std::string& extension,
                              const std::regex& pattern) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() != extension || file.find("_tables") != std::string::npos) continue;
    const std::string text = read(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
      names.insert((*it)[1]);
  }
  return names;
}

TEST(Coverage, EveryOpHasASuiteEntry) {
  const auto declared =
      matches("tensor/ops", ".h",
              std::regex("\\n(?:[A-Z][A-Za-z0-9]*|void|std::[a-z]+<Tensor[^>]*>) ([a-z0-9_]+)\\("));
  const auto covered = matches("tests/ops", ".cc", std::regex("OP_SUITE(?:_VARIANT)?\\(([a-z0-9_]+)"));
  ASSERT_GT(declared.size(), 40u);
  for (const std::string& op : declared) {
    if (kNotOps.count(op)) continue;
    // A _composed twin is checked against its fused op by that op's entry.
    const size_t suffix = op.find("_composed");
    const std::string name = suffix == std::string::npos ? op : op.substr(0, suffix);
    EXPECT_TRUE(covered.count(name)) << op
                                     << " is declared in tensor/ops and has no OP_SUITE entry in tests/ops";
  }
}

}  // namespace
