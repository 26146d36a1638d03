#include "recipes/rephrasing/claims.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace roux::rephrasing {
namespace {

constexpr double kChance = 0.25;  // of a cloze item

class Judge {
 public:
  Judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run)
      : o_(outcomes), scale_(scale), run_(run) {}

  absl::Status all() {
    for (const auto& [source, language] : o_.data.sources) ROUX_RETURN_IF_ERROR(of_source(source, language));
    if (!o_.data.users) {
      ROUX_RETURN_IF_ERROR(of_quality());
      ROUX_RETURN_IF_ERROR(of_rephrasers());
      ROUX_RETURN_IF_ERROR(of_languages());
      ROUX_RETURN_IF_ERROR(of_cloze());
    }
    return run_.claim(
        {.text = "after a short supervised fine-tuning the sign of the gain depends on the benchmark",
         .relation = kit::above(0),
         .scale = scale_,
         .not_testable = "models of this size answer no instruction, and there is no instruction data in the "
                         "older wording; it takes the sizes of --preset=gpu and more"});
  }

 private:
  absl::Status claim(const std::string& text, const std::vector<double>& values, kit::Relation relation,
                     const std::string& why_not = "", bool asserted = false, kit::Bounds bounds = {}) {
    kit::Claim claim{.text = text, .relation = relation, .scale = scale_};
    claim.not_testable = o_.data.missing.empty() ? why_not : o_.data.missing;
    claim.asserted = asserted && claim.not_testable.empty();
    if (claim.not_testable.empty()) claim.measured = kit::over_seeds(run_.seeds(), values, bounds);
    return run_.claim(claim);
  }

  // Empty, or why nothing can be said of an arm: the model is no better than counts of tokens.
  std::string unlearnt(const std::string& arm) const {
    for (const JudgedOn& held : o_.data.judged) {
      if (held.main && o_.arm(arm).judged.front() == held.source &&
          mean(o_.bits(arm, held.name)) > held.unigram_bits) {
        return absl::StrCat("the model is no better than a unigram model on ", held.name,
                            "; a larger --set steps helps");
      }
    }
    return "";
  }

  absl::Status of_source(const std::string& source, const std::string& language) {
    const std::string original = "original." + source, synthetic = "synthetic." + source,
                      mix = "mix." + source;
    const std::string why = unlearnt(original);
    const std::string words = language == "en" && !o_.data.users ? ", mean of both wordings" : "";
    ROUX_RETURN_IF_ERROR(claim(absl::StrCat(source,
                                            ": original and rephrased text together are better than the "
                                            "original alone: bits per character",
                                            words, ", gain"),
                               o_.gain(original, mix), kit::above(0), why));
    if (!words.empty()) {
      ROUX_RETURN_IF_ERROR(
          claim(source + ": they are better on the corpus's own wording too: bits per character, gain",
                o_.gain(original, mix, "older"), kit::above(0), why));
    }
    ROUX_RETURN_IF_ERROR(claim(absl::StrCat(source,
                                            ": together they are better than rephrased text alone: bits per "
                                            "character",
                                            words, ", gain"),
                               o_.gain(synthetic, mix), kit::above(0), why));
    return claim(
        absl::StrCat(source, ": the original alone is better than rephrased text alone: bits per character",
                     words, ", gain"),
        o_.gain(synthetic, original), kit::above(0), why);
  }

  std::vector<double> gain_of(const std::string& tier) const {
    return o_.gain("original." + tier, "mix." + tier);
  }

  absl::Status of_quality() {
    const std::string clean = o_.data.sources.front().first;
    for (const auto& [tier, language] : o_.data.sources) {
      if (language != "en" || tier == clean) continue;
      const std::vector<double> harm = minus(o_.bits("original." + tier), o_.bits("original." + clean));
      ROUX_RETURN_IF_ERROR(claim(absl::StrCat("the gain is larger on ", tier, " than on ", clean,
                                              " text: bits per character, difference of gains"),
                                 minus(gain_of(tier), gain_of(clean)), kit::above(0),
                                 mean(harm) > 0 ? "" : "this noise does no harm to a model of its text"));
    }
    ROUX_RETURN_IF_ERROR(
        claim("it is the rephrasing, not the number of different tokens: half of the documents and "
              "their rephrasings against the half read twice: bits per character, mean of both "
              "wordings, gain",
              o_.gain("original.half", "mix.half"), kit::above(0)));
    return claim("the gain is there in another domain too (Austen): bits per character, gain",
                 o_.gain("original." + clean, "mix." + clean, "austen_emma"), kit::above(0));
  }

  absl::Status of_rephrasers() {
    const std::string clean = o_.data.sources.front().first;
    if (!o_.data.chrf.empty()) {
      for (const char* name : {"A", "B"}) {
        kit::Claim nearer{
            .text = absl::StrCat("precondition: rephraser ", name,
                                 " brings unseen verses nearer to the modern wording: chrF, difference "
                                 "to the older wording as it is"),
            .relation = kit::above(0),
            .scale = scale_,
            .not_testable = o_.data.missing};
        if (o_.data.missing.empty()) {
          nearer.measured = kit::paired_items(o_.data.chrf.at(name), o_.data.chrf.at("none"),
                                              {.unit = "chapter", .group = o_.data.chapters});
        }
        ROUX_RETURN_IF_ERROR(run_.claim(nearer));
      }
    }
    const std::vector<double> family = o_.gain("mix_rules." + clean, "mix." + clean);
    const std::vector<double> size = o_.gain("mix_small." + clean, "mix." + clean);
    std::vector<double> more;
    for (size_t s = 0; s < family.size(); ++s) more.push_back(std::abs(family[s]) - std::abs(size[s]));
    ROUX_RETURN_IF_ERROR(
        claim("the family of the rephraser matters more than its size: |A - rules| - |A - A of a "
              "tenth of the pairs|, bits per character, mean of both wordings",
              more, kit::above(0)));
    return claim("several styles are better than one: bits per character, mean of both wordings, gain",
                 o_.gain("mix." + clean, "mix_styles." + clean), kit::above(0));
  }

  absl::Status of_languages() {
    for (const char* set : {"older", "modern", "spanish"}) {
      ROUX_RETURN_IF_ERROR(claim(absl::StrCat("both languages together: the gain is there on the ", set,
                                              " held-out text: bits per character, gain"),
                                 o_.gain("original.joint", "mix.joint", set), kit::above(0)));
    }
    return absl::OkStatus();
  }

  absl::Status of_cloze() {
    const std::string clean = o_.data.sources.front().first;
    for (const char* wording : {"older", "modern"}) {
      if (!o_.data.cloze.contains(wording)) continue;
      const std::vector<double> before = o_.accuracy("original." + clean, wording);
      const std::vector<double> after = o_.accuracy("mix." + clean, wording);
      const kit::Measurement learnt = kit::over_seeds(run_.seeds(), after, {0, 1});
      const bool chance = !learnt.interval || learnt.interval->low <= kChance;
      ROUX_RETURN_IF_ERROR(
          claim(absl::StrCat("together they choose the second half of a verse better in the ", wording,
                             " wording: accuracy, difference"),
                minus(after, before), kit::above(0),
                chance ? "the models choose no better than chance; a larger --set steps helps" : "", false,
                {-1, 1}));
    }
    return absl::OkStatus();
  }

  const Outcomes& o_;
  const std::string& scale_;
  kit::Run& run_;
};

}  // namespace

absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run) {
  return Judge(outcomes, scale, run).all();
}

}  // namespace roux::rephrasing
