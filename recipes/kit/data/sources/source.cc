#include "recipes/kit/data/sources/source.h"

#include "absl/strings/str_cat.h"

namespace roux::kit {

const char* kind_name(Provenance::Kind kind) {
  switch (kind) {
    case Provenance::kFile:
      return "file";
    case Provenance::kPackage:
      return "installed package";
    case Provenance::kCache:
      return "cache";
    case Provenance::kExcerpt:
      return "excerpt";
  }
  return "";
}

std::string to_text(const Provenance& from) {
  return absl::StrCat(from.name, from.version.empty() ? "" : " ", from.version, " (", kind_name(from.kind),
                      from.licence.empty() ? "" : ", licence ", from.licence, ", sha256 ",
                      from.sha256.substr(0, 12), ")");
}

std::string needs_full(const Provenance& from) {
  if (from.kind != Provenance::kExcerpt) return "";
  return absl::StrCat("only an excerpt of '", from.name, "' was read; all of it: ", from.command);
}

}  // namespace roux::kit
