#include "recipes/rephrasing/claims.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::rephrasing {
namespace {

using kit::above;

// What held on seeds that are not reported, too; see README.md.
constexpr const char* kAsserted[] = {
    "clean: together they are better than rephrased text alone, mean of both wordings",
    "spanish: together they are better than rephrased text alone",
    "spanish: the original alone is better than rephrased text alone",
    "several styles are better than one, mean of both wordings",
};

class Judge {
 public:
  Judge(const Outcomes& outcomes, const std::vector<uint64_t>& seeds, const std::string& scale)
      : o_(outcomes), claims_(seeds, scale) {
    for (const auto& [source, language] : o_.data.sources) of_source(source, language);
    if (!o_.data.users) {
      of_quality();
      of_rephrasers();
      of_languages();
    }
    of_choices();
    claims_.untested("after a short supervised fine-tuning the sign of the gain depends on the benchmark",
                     above(0),
                     "models of these sizes answer no instruction, and no instructions in the older wording "
                     "are at hand: no command of this recipe helps");
  }
  const std::vector<kit::Claim>& claims() const { return claims_.all(); }

 private:
  // Of bits(before) - bits(after). `why_not`: empty, or the precondition that is not met.
  void claim(const std::string& text, const std::string& before, const std::string& after,
             const std::string& set = "", const std::string& why_not = "") {
    claim(
        text, {before, after}, [=, this] { return o_.gain(before, after, set); }, why_not);
  }
  // `values` need these arms.
  void claim(const std::string& text, const std::vector<std::string>& arms,
             const std::function<kit::SeedValues()>& values, const std::string& why_not = "") {
    std::string why = o_.data.missing.empty() ? why_not : o_.data.missing;
    for (const std::string& name : arms) {
      if (std::none_of(o_.arms.begin(), o_.arms.end(), [&](const Arm& arm) { return arm.name == name; }))
        why = "its arms are not trained here; --preset=long has them";
    }
    const bool asserted =
        !o_.data.users && std::find(std::begin(kAsserted), std::end(kAsserted), text) != std::end(kAsserted);
    claims_.add(text + ": bits per character, gain", values, above(0),
                {.asserted = asserted && why.empty(), .not_testable = why});
  }

  // Empty, or why nothing can be said of a source: a model of it is no better than counts of tokens.
  std::string unlearnt(const std::string& source) const {
    const std::string arm = "original." + source;
    for (const JudgedOn& held : o_.data.judged) {
      if (held.main && kit::find_arm(o_.arms, arm).judged.front() == held.source &&
          mean(o_.bits(arm, held.name)) > held.unigram_bits) {
        return absl::StrCat("the model is no better than a unigram model on ", held.name,
                            "; a larger --set steps helps");
      }
    }
    return "";
  }

  void of_source(const std::string& source, const std::string& language) {
    const std::string original = "original." + source, synthetic = "synthetic." + source,
                      mix = "mix." + source;
    const std::string why = unlearnt(source);
    const bool both = language == "en" && !o_.data.users;
    const std::string on = both ? ", mean of both wordings" : "";
    claim(
        absl::StrCat(source, ": original and rephrased text together are better than the original alone", on),
        original, mix, "", why);
    if (both)
      claim(source + ": they are better on the corpus's own wording too", original, mix, "older", why);
    claim(absl::StrCat(source, ": together they are better than rephrased text alone", on), synthetic, mix,
          "", why);
    claim(absl::StrCat(source, ": the original alone is better than rephrased text alone", on), synthetic,
          original, "", why);
  }

  void of_quality() {
    const std::string& clean = o_.data.sources.front().first;
    const auto gain_of = [&](const std::string& tier) { return o_.gain("original." + tier, "mix." + tier); };
    for (const auto& [tier, language] : o_.data.sources) {
      if (language != "en" || tier == clean) continue;
      const bool harmed = mean(o_.gain("original." + tier, "original." + clean)) > 0;
      claim(
          absl::StrCat("the gain is larger on ", tier, " than on ", clean, " text"), {},
          [=] { return kit::minus(gain_of(tier), gain_of(clean)); },
          harmed ? "" : "this noise does no harm to a model of its text; larger --set noises help");
    }
    claim(
        "a rephrasing is better than a second reading: half of the documents and their rephrasings against "
        "the "
        "half read twice, mean of both wordings",
        "original.half", "mix.half");
    claim(
        "at a like number of different tokens: half of the documents and their rephrasings against all "
        "documents, "
        "mean of both wordings",
        "original." + clean, "mix.half");
    claim("the gain is there in another domain (Austen)", "original." + clean, "mix." + clean, "austen_emma");
  }

  // Whether rephrasers do what they should: over held-out verses, without training.
  void nearer(const std::string& name) {
    kit::Claim claim{.text = absl::StrCat("precondition: rephraser ", name,
                                          " brings unseen verses nearer to the modern wording: chrF, "
                                          "difference to the older wording as it is"),
                     .relation = above(0),
                     .scale = "nothing is trained",
                     .asserted = o_.data.missing.empty(),
                     .not_testable = o_.data.missing};
    if (o_.data.missing.empty()) {
      claim.measured = kit::paired_items(o_.data.chrf.at(name), o_.data.chrf.at("none"),
                                         {.unit = "chapter", .group = o_.data.chapters});
    }
    claims_.add(claim);
  }

  void of_rephrasers() {
    const std::string& clean = o_.data.sources.front().first;
    nearer("A");
    nearer("B");
    const auto apart = [&](const char* other) {
      return kit::absolute(o_.gain(absl::StrCat(other, clean), "mix." + clean));
    };
    claim(
        "the family of the rephraser matters more than its size: |A - rules| - |A - A of a tenth of the "
        "pairs|, mean of both wordings",
        {"mix_rules." + clean, "mix_small." + clean},
        [=] { return kit::minus(apart("mix_rules."), apart("mix_small.")); });
    claim("several styles are better than one, mean of both wordings", "mix." + clean, "mix_styles." + clean);
    for (const char* style : {"easy", "qa"}) {
      claim(absl::StrCat("several styles are better than the style ", style, " alone, mean of both wordings"),
            absl::StrCat("mix_", style, ".", clean), "mix_styles." + clean);
    }
  }

  void of_languages() {
    claim("both languages together: the gain is there, mean of both wordings and Spanish", "original.joint",
          "mix.joint");
    claim("both languages together: the gain is there on Spanish", "original.joint", "mix.joint", "spanish");
  }

  // Where the model of original text chooses better than by chance.
  void of_choices() {
    const std::string text =
        "the gain is there in a multiple-choice test too, halves of verses: accuracy, difference";
    if (o_.data.users || o_.data.cloze.items.empty()) {
      claims_.untested(text, above(0),
                       "the test is made of the kit's verses: without --data and cloze_items=0");
      return;
    }
    const std::string original = "original." + o_.data.sources.front().first;
    const std::string mix = "mix." + o_.data.sources.front().first;
    const double chance = 1.0 / Cloze::kChoices, items = static_cast<double>(o_.data.cloze.items.size());
    const double least = chance + 2 * std::sqrt(chance * (1 - chance) / items);
    const double own = mean(o_.cloze(original));
    std::string why = o_.data.missing;
    if (why.empty() && own < least) {
      why = absl::StrCat("the model of original text chooses ", kit::format_number(own, 3),
                         " of them rightly, chance is ", kit::format_number(chance, 3),
                         " and two standard errors above it ", kit::format_number(least, 3),
                         ": too small a model, and no command here is known to help");
    }
    claims_.add(text, kit::minus(o_.cloze(mix), o_.cloze(original)), above(0), {.not_testable = why});
  }

  const Outcomes& o_;
  kit::ClaimList claims_;
};

}  // namespace

absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run) {
  return run.claim_all(Judge(outcomes, run.seeds(), scale).claims());
}

}  // namespace roux::rephrasing
