// The list that the survey's authors publish, in its own form: the README of Awesome-LLMs-Datasets, Markdown.
//
//   ## Instruction Fine-tuning Datasets                  the part
//   #### HG & CI <a id="..."></a>                        the leaf of the taxonomy
//   - **Name  2023-6 | All | EN & ZH | HG & CI | [Paper](https://...)**
//     - Publisher: Somebody et al.
//     - Size: 12K instances
//     - License: -
//
// The fields of a head between name and links are found by their codes, since traditional sets state only the
// language and newer entries nothing. Of traditional sets "Train/Dev/Test/All Size" becomes the number of all
// instances, or the sum of those that are stated.
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_PUBLISHED_LIST_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_PUBLISHED_LIST_H_

#include <string>

#include "recipes/llm_datasets_survey/catalogue.h"

namespace roux::llm_datasets_survey {

// What has no code is left out with a note: a value, a record below a heading that is no leaf, the second of
// a name and category; records below other headings than those of the five parts are counted in one note. The
// list's own "Category" of domain corpora is not read. Empty for a text without a record.
Catalogue read_published_list(const std::string& text);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_PUBLISHED_LIST_H_
