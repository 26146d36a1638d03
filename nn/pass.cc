#include "nn/pass.h"

#include <utility>

#include "autograd/checkpoint.h"
#include "tensor/error.h"
#include "tensor/ops/random.h"

namespace roux {

const char* name(Site site) {
  static constexpr const char* kNames[] = {"kEmbedding", "kMixerInput",       "kHeads",      "kMixer",
                                           "kMiddle",    "kFeedForwardInput", "kUnits",      "kFeedForward",
                                           "kBlock",     "kRouter",           "kCrossInput", "kCrossHeads",
                                           "kCross"};
  return kNames[static_cast<int>(site)];
}

Taps& Taps::add(Tap tap) {
  if (!list_) list_ = std::make_shared<std::vector<Tap>>();
  list_->push_back(std::move(tap));
  return *this;
}
Taps& Taps::read(Site site, int64_t layer, Tensor* into) { return add({site, layer, into, nullptr, {}}); }
Taps& Taps::read(Site site, std::vector<Tensor>* into) { return add({site, -1, nullptr, into, {}}); }
Taps& Taps::edit(Site site, int64_t layer, std::function<Tensor(const Tensor&)> fn) {
  return add({site, layer, nullptr, nullptr, std::move(fn)});
}

void Taps::for_each(const std::function<void(Site site, int64_t layer)>& visit) const {
  if (!list_) return;
  for (const Tap& tap : *list_) visit(tap.site, tap.layer);
}

Tensor Taps::apply(Site site, int64_t layer, const Tensor& x) const {
  Tensor y = x;
  for (const Tap& tap : *list_) {
    if (tap.site != site || (tap.layer != layer && tap.layer != -1)) continue;
    if (tap.fn) {
      y = tap.fn(y);
      ROUX_CHECK(y.defined() && y.spec() == x.spec())
          << "taps: an edit of " << name(site) << " in layer " << layer << " made "
          << (y.defined() ? to_string(y.spec()) : "an undefined tensor") << " of " << x.spec();
    } else if (!recomputing()) {
      if (tap.into != nullptr) *tap.into = y;
      if (tap.into_all == nullptr) continue;
      if (tap.into_all->size() <= static_cast<size_t>(layer))
        tap.into_all->resize(static_cast<size_t>(layer) + 1);
      (*tap.into_all)[static_cast<size_t>(layer)] = y;
    }
  }
  return y;
}

double dropout_rate(double p, bool training, const Pass& pass) {
  const double rate = training ? p * pass.dropout_scale : 0;
  ROUX_CHECK(rate == 0 || pass.generator != nullptr)
      << "dropout " << rate << " in training mode needs a generator";
  return rate;
}

Tensor dropout_in_training(const Tensor& x, double p, bool training, const Pass& pass) {
  const double rate = dropout_rate(p, training, pass);
  return rate == 0 ? x : dropout(x, rate, *pass.generator);
}

}  // namespace roux
