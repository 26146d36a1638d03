// What was said about one item of a task.
#ifndef ROUX_RECIPES_KIT_RUN_PREDICTION_H_
#define ROUX_RECIPES_KIT_RUN_PREDICTION_H_

#include <string>
#include <vector>

namespace roux::kit {

// A line of predictions.jsonl, beside the part's arm and seed.
struct Prediction {
  std::string item;  // its name in the data
  std::string gold;
  std::string output;
  std::vector<double> scores;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PREDICTION_H_
