// One item of instruction data: what worlds make, generators write and trainings read.
#ifndef ROUX_RECIPES_KIT_DATA_EXAMPLE_H_
#define ROUX_RECIPES_KIT_DATA_EXAMPLE_H_

#include <string>

namespace roux::kit {

struct Example {
  std::string id;
  std::string prompt;
  std::string response;
  std::string label;   // class, kind or relation; may be empty
  std::string source;  // the data set or world
  std::string parent;  // id of the item it was made from; may be empty

  bool operator==(const Example&) const = default;
  template <class V>
  void visit(V&& v) {
    v("id", id), v("prompt", prompt), v("response", response);
    v("label", label), v("source", source), v("parent", parent);
  }
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_EXAMPLE_H_
