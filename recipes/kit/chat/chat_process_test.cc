// The program as a user meets it: pipes, exit codes, one-line errors, Ctrl-C.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/chat/chat.h"
#include "recipes/kit/chat/chat_test_util.h"
#include "recipes/kit/chat/flags.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"

namespace roux::kit {
namespace {

constexpr char kChat[] = "recipes/kit/chat/chat";

class Program {
 public:
  explicit Program(std::vector<std::string> flags) {
    flags.insert(flags.begin(), kChat);
    std::vector<char*> argv;
    for (std::string& flag : flags) argv.push_back(flag.data());
    argv.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    input_ = ends[1];
    child_ = ::fork();
    if (child_ != 0) {
      ::close(ends[0]);
      return;
    }
    ::alarm(60);
    ::dup2(ends[0], STDIN_FILENO);
    ::dup2(::open((folder_ + "/out").c_str(), O_WRONLY | O_CREAT, 0644), STDOUT_FILENO);
    ::dup2(::open((folder_ + "/err").c_str(), O_WRONLY | O_CREAT, 0644), STDERR_FILENO);
    ::execv(kChat, argv.data());
    ::_exit(127);
  }
  void send(const std::string& text) {
    EXPECT_EQ(::write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void kill(int signal) { ::kill(child_, signal); }
  // Until the file, "out" or "err", has more than so many bytes.
  void wait_for(const std::string& file, size_t bytes) {
    std::error_code error;
    for (int i = 0; i < 4000; ++i) {
      const auto size = std::filesystem::file_size(absl::StrCat(folder_, "/", file), error);
      if (!error && size > bytes) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "nothing comes: " << err();
  }
  // Exit code, or minus the signal. The input ends, unless the program is to end before it.
  int wait(bool input_ends = true) {
    if (input_ends) ::close(input_);
    int status = 0;
    ::waitpid(child_, &status, 0);
    if (!input_ends) ::close(input_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string out() const { return *read_file(folder_ + "/out"); }
  std::string err() const { return *read_file(folder_ + "/err"); }

 private:
  std::string folder_ = fresh_directory();
  int input_ = -1;
  pid_t child_ = -1;
};

TEST(ChatProcess, AnswersWhatAChatInThisProcessAnswers) {
  const std::string folder = chat_model_folder();
  const auto model = load_language_model(folder);
  ASSERT_TRUE(model.ok()) << model.status();
  model->model->eval();
  ChatFlags flags;
  flags.max_tokens = 20;
  const auto chat = Chat::create(*model, flags.options());
  ASSERT_TRUE(chat.ok()) << chat.status();
  const std::string first = (*chat)->answer("Hello")->text + "\n";
  const std::string second = (*chat)->answer("And now?")->text + "\n";

  Program piped({"--model=" + folder, "--max-tokens", "20"});
  piped.send("Hello\nAnd now?");  // the last line has no end
  EXPECT_EQ(piped.wait(), 0);
  EXPECT_EQ(piped.out(), first + second);
  EXPECT_TRUE(absl::StrContains(piped.err(), " more kept), answer ")) << piped.err();

  Program once({"--model=" + folder, "--max-tokens=20", "--prompt=Hello", "--int8", "--threads=1"});
  EXPECT_EQ(once.wait(), 0);
  EXPECT_EQ(once.out(), first);
}

TEST(ChatProcess, TheTemplateMayBeGiven) {
  const std::string folder = chat_model_folder(/*with_template=*/false);
  Program without({"--model=" + folder, "--prompt=Hello"});
  EXPECT_EQ(without.wait(), 1);
  EXPECT_TRUE(absl::StrContains(without.err(), "--chat_template")) << without.err();
  Program with({"--model=" + folder, "--prompt=Hello", "--chat_template=chatml", "--max-tokens=3"});
  EXPECT_EQ(with.wait(), 0) << with.err();
}

TEST(ChatProcess, MistakesAreOneLineAndExitOne) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{}, "error: --model is needed, for example --model=smollm2 (--help says more)\n"},
      {{"--modle=x"}, "error: unknown flag --modle; did you mean --model? (--help lists all)\n"},
      {{"--model=x", "--top-p=2"}, "error: --top-p=2: "},
      {{"--model=/nowhere/a.gguf"}, "error: /nowhere/a.gguf: "},
      {{"--model=smollm3", "--offline"}, "error: smollm3: no such file or folder"},
  };
  for (const auto& [flags, message] : cases) {
    Program program(flags);
    EXPECT_EQ(program.wait(), 1);
    EXPECT_TRUE(absl::StartsWith(program.err(), message)) << program.err();
    EXPECT_EQ(program.err().find('\n'), program.err().size() - 1) << program.err();
    EXPECT_EQ(program.out(), "");
  }
  Program help({"--help"});
  EXPECT_EQ(help.wait(), 0);
  EXPECT_EQ(help.out(), chat_help());
}

// Greedy, this model never ends an answer.
TEST(ChatProcess, CtrlCStopsTheAnswerAndThenTheProgram) {
  const std::vector<std::string> endless = {"--model=" + chat_model_folder(), "--temperature=0",
                                            "--max-tokens=1000000", "--context=1000000"};
  Program program(endless);
  program.send("Hello\n");
  program.wait_for("out", 20);
  program.kill(SIGINT);
  program.send("/reset\n/quit\n");
  EXPECT_EQ(program.wait(), 0);
  EXPECT_TRUE(absl::StrContains(program.err(), "[stopped]\n[a new conversation]\n")) << program.err();

  Program idle(endless);
  idle.send("/reset\n");
  idle.wait_for("err", 0);  // now it waits for the next line
  idle.kill(SIGINT);
  EXPECT_EQ(idle.wait(/*input_ends=*/false), 130);

  Program terminated(endless);
  terminated.send("Hello\n");
  terminated.wait_for("out", 20);
  terminated.kill(SIGTERM);
  EXPECT_EQ(terminated.wait(/*input_ends=*/false), -SIGTERM);
}

}  // namespace
}  // namespace roux::kit
