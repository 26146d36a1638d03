#include "recipes/kit/chat/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/chat/chat_test_util.h"
#include "recipes/kit/chat/converse.h"
#include "recipes/kit/chat/flags.h"
#include "recipes/kit/decode/generate.h"
#include "tensor/batch_invariant.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Pretrained load(const std::string& folder) {
  auto loaded = load_language_model(folder);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  loaded->model->eval();
  return *std::move(loaded);
}

const Pretrained& tiny() {
  static const Pretrained* const model = new Pretrained(load(chat_model_folder()));
  return *model;
}

std::unique_ptr<Chat> chat_of(const ChatOptions& options) {
  auto chat = Chat::create(tiny(), options);
  EXPECT_TRUE(chat.ok()) << chat.status();
  return *std::move(chat);
}

std::vector<int32_t> prompt_ids(const Pretrained& model, std::vector<ChatMessage> messages,
                                const std::string& question) {
  messages.push_back({"user", question});
  return encode_chat(*model.tokenizer, *model.chat, messages, /*generate=*/true)->ids;
}

// Under the guard a token's logits do not depend on what is computed along with it, so all bits are equal.
TEST(KeptCache, ComputesFromTheFirstDifference) {
  const BatchInvariantGuard guard;
  const LanguageModel& model = *tiny().model;
  const GenerateOptions greedy{.max_tokens = 6, .sampling = {.temperature = 0}};
  KeptCache kept(model, 64);
  const auto check = [&](const Tokens& prompt, int64_t expected_kept) {
    const auto with = generate(kept.model(), std::vector<Tokens>{prompt}, greedy);
    const auto without = generate(decode_model(model), std::vector<Tokens>{prompt}, greedy);
    EXPECT_EQ(with[0].tokens, without[0].tokens);
    EXPECT_EQ(with[0].log_probs, without[0].log_probs);
    EXPECT_EQ(kept.last_prompt().kept, expected_kept);
    EXPECT_EQ(kept.last_prompt().computed, static_cast<int64_t>(prompt.size()) - expected_kept);
    return with[0].tokens;
  };
  Tokens prompt;
  for (int32_t i = 0; i < 20; ++i) prompt.push_back(3 + 7 * i);
  const Tokens answer = check(prompt, 0);
  prompt.insert(prompt.end(), answer.begin(), answer.end());
  prompt.insert(prompt.end(), {11, 12, 13});
  check(prompt, 25);  // the last token of an answer is not computed before it is needed
  prompt[10] = 500;
  check(prompt, 10);
  check(prompt, 28);  // the same again: its last token
  prompt.resize(5);
  check(prompt, 4);
  kept.clear();
  check(prompt, 0);
}

TEST(Chat, AnswersEqualThoseComputedFromScratch) {
  const BatchInvariantGuard guard;
  const ChatOptions options{.system = "Be brief.", .sampling = {.temperature = 1.5}, .max_tokens = 12};
  const auto chat = chat_of(options);
  int64_t before = 0;
  uint64_t turn = 0;
  for (const char* question : {"Hello there", "and <|im_end|> now?", "ä", "the last one"}) {
    const std::vector<int32_t> ids = prompt_ids(tiny(), chat->messages(), question);
    const auto expected = generate(decode_model(*tiny().model), std::vector<Tokens>{ids},
                                   {.max_tokens = 12,
                                    .sampling = options.sampling,
                                    .seed = options.seed,
                                    .keys = {turn++},
                                    .stop_tokens = {2},
                                    .text = text_of(*tiny().tokenizer)});
    std::string streamed;
    const auto answer = chat->answer(question, [&](std::string_view text) { streamed += text; });
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->text, expected[0].text);
    EXPECT_EQ(streamed, answer->text);
    EXPECT_EQ(answer->tokens, static_cast<int64_t>(expected[0].tokens.size()));
    EXPECT_EQ(answer->prompt.kept + answer->prompt.computed, static_cast<int64_t>(ids.size()));
    EXPECT_GE(answer->prompt.kept, before);  // at least the prompt before
    before = static_cast<int64_t>(ids.size());
  }
  EXPECT_EQ(chat->messages().size(), 9u);
}

TEST(Chat, SeedsAndTurnsDraw) {
  const auto first = [](uint64_t seed) {
    const auto chat = chat_of({.sampling = {.temperature = 1.5}, .max_tokens = 16, .seed = seed});
    const std::string one = chat->answer("Hello")->text;
    chat->reset();
    return std::pair(one, chat->answer("Hello")->text);
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1).first, first(2).first);
  EXPECT_NE(first(1).first, first(1).second);  // a reset does not repeat itself
}

TEST(Chat, StopTokensEndAnswers) {
  Pretrained model = load(chat_model_folder());
  const std::vector<int32_t> ids = prompt_ids(model, {}, "Hello");
  const GenerateOptions greedy{.max_tokens = 8, .sampling = {.temperature = 0}};
  const Tokens whole = generate(decode_model(*model.model), std::vector<Tokens>{ids}, greedy)[0].tokens;
  model.generation.stop_ids = {whole[3]};
  const auto end = std::find(whole.begin(), whole.end(), whole[3]);  // it may come earlier
  const auto chat = Chat::create(model, {.sampling = {.temperature = 0}});
  ASSERT_TRUE(chat.ok()) << chat.status();
  const auto answer = (*chat)->answer("Hello");
  EXPECT_EQ(answer->end, Answer::kWhole);
  EXPECT_EQ(answer->tokens, end - whole.begin() + 1);
  EXPECT_EQ(answer->text, model.tokenizer->decode(Tokens(whole.begin(), end)));
}

TEST(Chat, AnInterruptedAnswerStaysAsFarAsItCame) {
  const ChatOptions options{.sampling = {.temperature = 1}, .max_tokens = 16};
  const std::string whole = chat_of(options)->answer("Hello")->text;
  const auto chat = chat_of(options);
  int asked = 0;
  const auto answer = chat->answer("Hello", {}, [&] { return ++asked > 5; });
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->end, Answer::kInterrupted);
  EXPECT_EQ(answer->tokens, 6);  // five, and the one that ends it
  EXPECT_FALSE(answer->text.empty());
  EXPECT_TRUE(absl::StartsWith(whole, answer->text)) << whole << "\n" << answer->text;
  EXPECT_LT(answer->text.size(), whole.size());
  EXPECT_EQ(chat->messages().back().content, answer->text);
  EXPECT_EQ(chat->answer("And now?")->end, Answer::kMaxTokens);
  EXPECT_EQ(chat->messages().size(), 4u);
}

TEST(Chat, TheContextEnds) {
  const auto chat = chat_of({.sampling = {.temperature = 0}, .max_tokens = 1000, .context = 80});
  const auto answer = chat->answer("Hello");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->end, Answer::kContext);
  EXPECT_EQ(answer->prompt.computed + answer->tokens, 80);
  const auto next = chat->answer("Hello");
  EXPECT_TRUE(absl::IsResourceExhausted(next.status())) << next.status();
  EXPECT_THAT(std::string(next.status().message()), HasSubstr("the context 80"));
  EXPECT_EQ(chat->messages().size(), 2u);
  chat->reset();
  EXPECT_EQ(chat->answer("Hello")->text, answer->text);
}

TEST(Chat, ModelsThatCannotChatAreTold) {
  const auto complaint = [](const Pretrained& model) {
    return std::string(Chat::create(model, {}).status().message());
  };
  const Pretrained without_template = load(chat_model_folder(false));
  EXPECT_THAT(complaint(without_template), HasSubstr("--chat_template"));
  Pretrained without_stop = load(chat_model_folder());
  without_stop.generation.stop_ids.clear();
  EXPECT_THAT(complaint(without_stop), HasSubstr("no token that ends an answer"));
  Pretrained t5 = load(chat_model_folder());
  t5.model = *load_pretrained<>("tests/golden/language_models/t5");
  EXPECT_THAT(complaint(t5), HasSubstr("encoder-decoder"));
}

TEST(Chat, ATokenWithoutAnEmbeddingIsNamed) {
  Pretrained model = load(chat_model_folder());
  model.model = *load_pretrained<>("tests/golden/language_models/llama");  // 20 rows
  model.model->eval();
  const auto chat = Chat::create(model, {});
  ASSERT_TRUE(chat.ok()) << chat.status();
  const std::string message((*chat)->answer("Hello", {}, [] { return false; }).status().message());
  EXPECT_THAT(message, HasSubstr("and the model 20 embeddings: they do not belong together"));
}

// Lines in, text and notes out.
struct Script {
  std::vector<std::string> lines;
  std::string written = {};
  std::vector<std::string> notes = {};
  bool can_write = true;

  absl::Status run(Chat& chat) {
    size_t next = 0;
    return converse(chat, {.read_line = [&]() -> std::optional<std::string> {
                             if (next == lines.size()) return std::nullopt;
                             return lines[next++];
                           },
                           .write =
                               [&](std::string_view text) {
                                 written += text;
                                 return can_write;
                               },
                           .note = [&](std::string_view text) { notes.emplace_back(text); }});
  }
};

TEST(Converse, CommandsAndQuestions) {
  const ChatOptions options{.sampling = {.temperature = 0}, .max_tokens = 4};
  const std::string answer = chat_of(options)->answer("Hello")->text;
  Script script{.lines = {"Hello", "", "  \r", "/rest", "/reset", "Hello", "/quit", "Hello"}};
  const auto chat = chat_of(options);
  ASSERT_TRUE(script.run(*chat).ok());
  EXPECT_EQ(script.written, answer + "\n" + answer + "\n");
  const std::string ended = "[the answer has reached --max-tokens]";
  EXPECT_THAT(script.notes,
              ElementsAre(HasSubstr("answer 4 tokens at "), ended,
                          "[unknown command /rest; did you mean /reset?; there are /reset and /quit]",
                          "[a new conversation]", HasSubstr("[prompt "), ended));
  EXPECT_EQ(chat->messages().size(), 2u);
}

TEST(Converse, AFullContextIsANoteAndALostOutputTheEnd) {
  Script full{.lines = {"Hello", "Hello"}};
  ASSERT_TRUE(full.run(*chat_of({.sampling = {.temperature = 0}, .context = 60})).ok());
  ASSERT_EQ(full.notes.size(), 3u);
  EXPECT_THAT(full.notes[1], HasSubstr("/reset begins a new one"));
  EXPECT_THAT(full.notes[2], HasSubstr("the context 60, which must leave room"));
  Script lost{.lines = {"Hello", "Hello"}, .can_write = false};
  EXPECT_TRUE(absl::IsDataLoss(lost.run(*chat_of({.max_tokens = 1000}))));
}

TEST(Converse, SpeedSaysWhatWasComputed) {
  EXPECT_EQ(speed({.prompt = {.kept = 0, .computed = 30, .seconds = 0.5}, .tokens = 1}),
            "prompt 30 tokens at 60 tok/s, answer 1 token");
  EXPECT_EQ(
      speed({.prompt = {.kept = 9, .computed = 1, .seconds = 0.5}, .tokens = 41, .decode_seconds = 0.25}),
      "prompt 1 token at 2 tok/s (9 more kept), answer 41 tokens at 160 tok/s");
}

TEST(Converse, LinesOfAPipe) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string text = "one\n\ntwo " + std::string(10000, 'x') + "\nlast";
  ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  InputLines lines(ends[0]);
  const auto never = [] { return false; };
  EXPECT_EQ(lines.next(never), "one");
  EXPECT_EQ(lines.next(never), "");
  EXPECT_EQ(lines.next(never), "two " + std::string(10000, 'x'));
  int asked = 0;
  EXPECT_EQ(lines.next([&] { return ++asked > 1; }), std::nullopt);  // the line has no end yet
  ::close(ends[1]);
  EXPECT_EQ(lines.next(never), "last");
  EXPECT_EQ(lines.next(never), std::nullopt);
  ::close(ends[0]);
}

absl::StatusOr<ChatFlags> flags_of(const std::vector<std::string>& arguments,
                                   const GenerationSettings& own = {}) {
  const auto changes = parse_chat_flags(arguments);
  if (!changes.ok()) return changes.status();
  return chat_flags(*changes, own);
}

TEST(Flags, StandAboveTheModelsOwnSettings) {
  const GenerationSettings own{.stop_ids = {}, .sample = true, .temperature = 0.2, .top_p = 0.9};
  const auto flags = flags_of({"--top-p=0.5", "--int8", "--system", "Be brief."}, own);
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->temperature, 0.2);
  EXPECT_EQ(flags->top_p, 0.5);
  EXPECT_EQ(flags->top_k, 0);
  EXPECT_TRUE(flags->int8);
  EXPECT_EQ(flags->options().system, "Be brief.");
  EXPECT_EQ(flags_of({}, {.stop_ids = {}, .temperature = 0.2})->temperature, 0.7);  // it does not sample
}

TEST(Flags, MistakesAreOneLine) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--tempreature=1"}, "unknown flag --tempreature; did you mean --temperature? (--help lists all)"},
      {{"smollm2"}, "unexpected argument 'smollm2'; flags look like --model=smollm2"},
      {{"--model"}, "--model: a value is needed (--model=NAME)"},
      {{"--prompt="}, "--prompt=: a text is needed"},
  };
  for (const auto& [arguments, message] : cases)
    EXPECT_EQ(std::string(flags_of(arguments).status().message()), message);
  for (const char* bad :
       {"--temperature=hot", "--temperature=nan", "--top-p=0", "--top-p=1.1", "--top-k=-1", "--min-p=1",
        "--max-tokens=0", "--seed=-1", "--threads=x", "--int8=perhaps", "--chat_template=chatlm"}) {
    const auto flags = flags_of({bad});
    EXPECT_FALSE(flags.ok()) << bad;
    EXPECT_TRUE(absl::StartsWith(std::string(flags.status().message()), absl::StrCat(bad, ": ")))
        << flags.status();
  }
}

TEST(Flags, HelpFitsATerminal) {
  const std::string help = chat_help();
  for (size_t begin = 0, end; (end = help.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 80u) << help.substr(begin, end - begin);
  EXPECT_THAT(help, HasSubstr("--max-tokens=N"));
}

// The real model knows, with the weights of its file. With activations of 8 bits it does not: it answers
// "L'Étoile, la Marseillaise, la femme", as llama.cpp does, which always rounds them. Tests of Bazel have no
// $HOME.
TEST(Chat, SmolLm2Answers) {
  const passwd* user = ::getpwuid(::getuid());
  if (user != nullptr) ::setenv("ROUX_CACHE", (std::string(user->pw_dir) + "/.cache/roux/data").c_str(), 0);
  const auto model = load_language_model("smollm2", {.weights = {.map = true}, .source = {.offline = true}});
  if (absl::IsNotFound(model.status())) GTEST_SKIP() << model.status();
  ASSERT_TRUE(model.ok()) << model.status();
  model->model->eval();
  const auto chat = Chat::create(*model, {.sampling = {.temperature = 0}, .max_tokens = 48});
  ASSERT_TRUE(chat.ok()) << chat.status();
  const auto first = (*chat)->answer("What is the capital of France?");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(first->text, HasSubstr("Paris"));
  EXPECT_EQ(first->end, Answer::kWhole);
  const auto second = (*chat)->answer("And of Italy?");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->text, HasSubstr("Rome"));
  EXPECT_GE(second->prompt.kept, first->prompt.computed);
}

}  // namespace
}  // namespace roux::kit
