#include "recipes/kit/worlds/prompt_table.h"

#include <fstream>

#include "gtest/gtest.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

absl::StatusOr<std::vector<GivenPrompt>> read(const std::string& text) {
  const std::string path = fresh_directory() + "/prompts.csv";
  std::ofstream(path) << text;
  return read_prompts(path);
}
std::string error(const std::string& text) { return std::string(read(text).status().message()); }

TEST(PromptTable, ReadsPromptsOfAnyLength) {
  const auto prompts = read("x2,prompt,y,x1\n2,a,3,1\n4,a,,1\n0,b,5,7\n");
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  ASSERT_EQ(prompts->size(), 2);
  EXPECT_EQ((*prompts)[0].prompt.x, (std::vector<double>{1, 2, 1, 4}));
  EXPECT_EQ((*prompts)[0].prompt.y, (std::vector<double>{3, 0}));
  EXPECT_EQ((*prompts)[1].name, "b");
  EXPECT_EQ((*prompts)[1].prompt.length, 1);
}

TEST(PromptTable, SaysWhatIsWrongAndWhere) {
  EXPECT_NE(error("prompt,x1,y\na,1,2\na,one,2\n").find("line 3: x1 is 'one'"), std::string::npos);
  EXPECT_NE(error("prompt,x1,y\na,1,inf\n").find("line 2: y is 'inf'"), std::string::npos);
  EXPECT_NE(error("prompt,x1,y\na,-2e6,1\n").find("line 2: x1 is -2e6; at most 1e6"), std::string::npos);
  EXPECT_NE(error("prompt,x1,y\na,1,\na,1,2\n").find("line 3: the pair before has no y"), std::string::npos);
  EXPECT_NE(error("prompt,x1,y\na,1,1\nb,1,1\na,1,2\n").find("line 4: prompt 'a' began before"),
            std::string::npos);
  EXPECT_NE(error("prompt,x1,z,y\na,1,1,1\n").find("line 1: the columns must be"), std::string::npos);
  EXPECT_NE(error("prompt,x1,y\n").find("holds no pairs"), std::string::npos);
  EXPECT_NE(error("prompt,x1\na,1\n").find("y"), std::string::npos);
  std::string lines = "prompt,x1,y\n";
  for (int i = 0; i < 2001; ++i) lines += "a,1,1\n";
  EXPECT_NE(error(lines).find("line 2002: a prompt has at most 2000 pairs"), std::string::npos);
  EXPECT_FALSE(read_prompts("/none.csv").ok());
}

}  // namespace
}  // namespace roux::kit
