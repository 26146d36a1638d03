// The table of --profile: how long each op took, and how near it came to what the machine can do.
#ifndef ROUX_RECIPES_KIT_RUN_PROFILE_H_
#define ROUX_RECIPES_KIT_RUN_PROFILE_H_

#include <map>
#include <string>
#include <vector>

#include "tensor/cpu/roofs.h"
#include "tensor/profiler.h"

namespace roux::kit {

// The thread numbers that kernels ran with, ascending: those whose roofs profile_text() wants.
std::vector<int> widths_of(const Trace& trace);

// The wall, the roofs, and a row for each op, the longest first:
//   calls, ms    how often, and milliseconds without what other ops did within it
//   share        of the wall, times the parts that ran side by side; the last rows are what no kernel did
//   GB/s         bytes that the op must read and write (OpCost), by the time of its calls
//   GFLOP/s      likewise; "-" where no count is known
//   roof         the least time of its calls (least_time: the later of memory and fma) by their time, and
//                which of the two bounds it, for most of it
// Ops whose data stay in caches may pass the roof of memory. `roofs` has the widths of the trace.
std::string profile_text(const Trace& trace, const std::map<int, cpu::Roofs>& roofs);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PROFILE_H_
