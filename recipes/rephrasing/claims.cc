#include "recipes/rephrasing/claims.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::rephrasing {
namespace {

using kit::above;

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
    claims_.untested("the gain is there in multiple-choice benchmarks too: accuracy, difference", above(0),
                     "models of these sizes choose no better than chance; it takes those of --preset=gpu and "
                     "more");
    claims_.untested("after a short supervised fine-tuning the sign of the gain depends on the benchmark",
                     above(0),
                     "models of these sizes answer no instruction, and no instructions in the older wording "
                     "are at hand; it takes those of --preset=gpu and more");
  }
  const std::vector<kit::Claim>& claims() const { return claims_.all(); }

 private:
  // `why_not`: empty, or the precondition that is not met.
  void claim(const std::string& text, const kit::SeedValues& values, const std::string& why_not = "",
             bool asserted = false) {
    const std::string why = o_.data.missing.empty() ? why_not : o_.data.missing;
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
        o_.gain(original, mix), why);
    if (both) {
      claim(source + ": they are better on the corpus's own wording too", o_.gain(original, mix, "older"),
            why);
    }
    claim(absl::StrCat(source, ": together they are better than rephrased text alone", on),
          o_.gain(synthetic, mix), why);
    claim(absl::StrCat(source, ": the original alone is better than rephrased text alone", on),
          o_.gain(synthetic, original), why);
  }

  void of_quality() {
    const std::string& clean = o_.data.sources.front().first;
    const auto gain_of = [&](const std::string& tier) { return o_.gain("original." + tier, "mix." + tier); };
    for (const auto& [tier, language] : o_.data.sources) {
      if (language != "en" || tier == clean) continue;
      const bool harmed = mean(o_.gain("original." + tier, "original." + clean)) > 0;
      claim(absl::StrCat("the gain is larger on ", tier, " than on ", clean, " text"),
            kit::minus(gain_of(tier), gain_of(clean)),
            harmed ? "" : "this noise does no harm to a model of its text; larger --set noises help");
    }
    claim(
        "it is the rephrasing, not the number of different tokens: half of the documents and their "
        "rephrasings against the half read twice, mean of both wordings",
        o_.gain("original.half", "mix.half"));
    claim("the gain is there in another domain (Austen)",
          o_.gain("original." + clean, "mix." + clean, "austen_emma"));
  }

  // Whether rephrasers do what they should: over held-out verses, without training.
  void nearer(const std::string& name) {
    kit::Claim claim{.text = absl::StrCat("precondition: rephraser ", name,
                                          " brings unseen verses nearer to the modern wording: chrF, "
                                          "difference to the older wording as it is"),
                     .relation = above(0),
                     .scale = "nothing is trained",
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
        kit::minus(apart("mix_rules."), apart("mix_small.")));
    claim("several styles are better than one, mean of both wordings",
          o_.gain("mix." + clean, "mix_styles." + clean));
  }

  void of_languages() {
    claim("both languages together: the gain is there, mean of both wordings and Spanish",
          o_.gain("original.joint", "mix.joint"));
    claim("both languages together: the gain is there on Spanish",
          o_.gain("original.joint", "mix.joint", "spanish"));
  }

  const Outcomes& o_;
  kit::ClaimList claims_;
};

}  // namespace

absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run) {
  return run.claim_all(Judge(outcomes, run.seeds(), scale).claims());
}

}  // namespace roux::rephrasing
