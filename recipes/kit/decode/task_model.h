// A decoder and its tokenizer as what tasks of the kit (eval/tasks.h) ask of a model.
//
//   const TaskModel model = task_model(decode_model(*smollm2.model), *smollm2.tokenizer);
//   const auto outcomes = score_choices({}, {}, items, continuation_scorer(model));
//   const auto texts = score_generations(format, exemplars, questions, text_writer(model, {.max_tokens = 32,
//                                        .sampling = {.temperature = 0}, .stop_strings = {"\n"}}), exact);
//
// Tokens and windows are those of the Language Model Evaluation Harness, so that its numbers come out.
#ifndef ROUX_RECIPES_KIT_DECODE_TASK_MODEL_H_
#define ROUX_RECIPES_KIT_DECODE_TASK_MODEL_H_

#include <cstdint>

#include "recipes/kit/decode/generate.h"
#include "recipes/kit/decode/score.h"
#include "recipes/kit/decode/session.h"
#include "recipes/kit/eval/tasks.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct TaskModel {
  DecodeModel model;
  const Tokenizer* tokenizer = nullptr;
  Tokens beginning = {};  // stands before every prompt
  int32_t empty = 0;  // stands for a prompt without tokens, and before a text whose likelihood is asked for
  bool sources = false;  // prompts are an encoder's, with the special tokens of the tokenizer around them
};
// Of a decoder: begins with the token of beginning where the tokenizer puts it there by itself; an empty
// prompt is that token, or else the one of the end. What the model refers to and the tokenizer must outlive
// it. Throws Error for a tokenizer that has neither token.
TaskModel task_model(DecodeModel model, const Tokenizer& tokenizer);
// Of an encoder-decoder: prompts are its sources, continuations and texts its targets.
TaskModel source_task_model(DecodeModel model, const Tokenizer& tokenizer);

// The functions below hold a copy of the model. Prompts that the model's context has no room for throw Error,
// as choice_log_probs() and generate() do.

// The tokens of a continuation are those of prompt and continuation together behind as many as the prompt has
// alone; white space at the prompt's end counts to the continuation. Throws Error for a continuation without
// a token of its own.
ScoreContinuations continuation_scorer(const TaskModel& model, const ScoreOptions& options = {});

// options.samples is 1; options.text is set here.
Generate text_writer(const TaskModel& model, const GenerateOptions& options);

// Every token of a text, the first behind model.empty. Windows of `window` tokens, of the context if that is
// shorter: each begins with the last token of the one before, the last one with as many as fit, so each token
// counts once. Throws Error for window < 1 and for models of sources.
ScoreTexts text_scorer(const TaskModel& model, int64_t window = 2048, const ScoreOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_TASK_MODEL_H_
