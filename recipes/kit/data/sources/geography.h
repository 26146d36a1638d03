// Countries with their capitals, and cities with coordinates.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_GEOGRAPHY_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_GEOGRAPHY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct Capital {
  std::string code;  // of the country, ISO 3166-1 alpha-2
  std::string country;
  std::string capital;  // of several the first, without remarks in parentheses
};

// Of Debian's miscfiles, in the order of the file; territories without a capital are left out.
absl::StatusOr<Sourced<std::vector<Capital>>> capitals(const SourceOptions& options);

struct City {
  std::string name;
  std::string country;                 // ISO 3166-1 alpha-2
  double latitude = 0, longitude = 0;  // degrees
  int64_t population = 0;
};

// The 34,006 cities of GeoNames above 15,000 inhabitants, the largest first.
absl::StatusOr<Sourced<std::vector<City>>> cities(const SourceOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_GEOGRAPHY_H_
