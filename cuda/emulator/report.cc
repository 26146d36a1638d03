#include "cuda/emulator/report.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/scheduler.h"

namespace roux::emulator {
namespace {

constexpr size_t kMaxReports = 8;

struct Reports {
  std::vector<std::string> texts;
  std::set<std::pair<std::string, const void*>> seen;  // kind and place
  size_t dropped = 0;
};
Reports& reports() {  // one launch runs at a time
  static auto* reports = new Reports;
  return *reports;
}

// Runs `addr2line -f -C -i` on an address; lines alternate between function and file:line, innermost first.
std::vector<std::string> addr2line(const void* address, int back) {
  Dl_info info;
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  const auto offset = static_cast<const char*>(address) - static_cast<const char*>(info.dli_fbase) - back;
  const std::string command =
      absl::StrCat("addr2line -f -C -i -e '", info.dli_fname, "' 0x", absl::Hex(offset), " 2>/dev/null");
  std::vector<std::string> lines;
  if (FILE* pipe = popen(command.c_str(), "r")) {
    char buffer[4096];
    while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) {
      std::string line(buffer);
      while (!line.empty() && line.back() == '\n') line.pop_back();
      lines.push_back(std::move(line));
    }
    pclose(pipe);
  }
  return lines;
}

// "roux::emulated::softmax_kernel<float>(float const*, long)" -> "softmax_kernel<float>"
std::string short_name(std::string name) {
  int depth = 0;
  size_t end = name.size(), begin = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (depth == 0 && name[i] == '(' && name.compare(i, 11, "(anonymous ") != 0) {
      end = i;
      break;
    }
  }
  for (size_t i = 0, nested = 0; i + 1 < end; ++i) {
    if (name[i] == '<') ++nested;
    if (name[i] == '>') --nested;
    if (nested == 0 && ((name[i] == ':' && name[i + 1] == ':') || name[i] == ' '))
      begin = i + (name[i] == ':' ? 2 : 1);
  }
  return name.substr(begin, end - begin);
}

std::string coordinates(uint3 v) { return absl::StrCat("(", v.x, ",", v.y, ",", v.z, ")"); }

bool add(const char* kind, const void* pc) {
  Reports& r = reports();
  if (pc != nullptr && !r.seen.emplace(kind, pc).second) return false;
  if (r.texts.size() >= kMaxReports) {
    ++r.dropped;
    return false;
  }
  return true;
}

}  // namespace

std::string function_name(const void* function) {
  static auto* names = new std::map<const void*, std::string>;
  std::string& name = (*names)[function];
  if (!name.empty()) return name;
  Dl_info info;
  if (dladdr(function, &info) != 0 && info.dli_saddr == function && info.dli_sname != nullptr) {
    char* demangled = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, nullptr);
    name = short_name(demangled != nullptr ? demangled : info.dli_sname);
    std::free(demangled);
  } else if (std::vector<std::string> lines = addr2line(function, 0); lines.size() > 1) {
    name = short_name(lines[lines.size() - 2]);
  }
  if (name.empty()) name = "kernel";
  return name;
}

std::string source_line(const void* pc) {
  if (pc == nullptr) return "";
  std::vector<std::string> lines = addr2line(pc, 1);
  std::string text;
  for (size_t i = 1; i < lines.size();
       i += 2) {  // the chain of inlined callers, without the compiler's column notes
    std::string line = lines[i].substr(0, lines[i].find(" (discriminator"));
    if (line.empty() || line[0] == '?') continue;
    const std::string execroot = "/proc/self/cwd/";
    if (line.rfind(execroot, 0) == 0) line = line.substr(execroot.size());
    absl::StrAppend(&text, text.empty() ? "" : ", called from ", line);
  }
  return text;
}

void report(const char* kind, const std::string& text, const void* pc) {
  RuntimeScope scope;
  if (!add(kind, pc)) return;
  const std::string line = source_line(pc);
  reports().texts.push_back(absl::StrCat(
      kind, ": ", text, ", by thread ", current_thread != nullptr ? coordinates(current_thread->id) : "?",
      " of block ", coordinates(running_block()), line.empty() ? "" : absl::StrCat("\n    at ", line)));
}

void report_fatal(const char* kind, const std::string& text, const void* pc) {
  report(kind, text, pc);
  abandon_launch();
}

void report_block(const char* kind, const std::string& text) {
  if (add(kind, nullptr)) {
    reports().texts.push_back(absl::StrCat(kind, ": ", text, ", in block ", coordinates(running_block())));
  }
}

std::string take_reports() {
  Reports& r = reports();
  if (r.texts.empty()) return "";
  const std::string name = function_name(running_kernel());
  std::string text;
  for (const std::string& t : r.texts) absl::StrAppend(&text, text.empty() ? "" : "\n  ", name, ": ", t);
  if (r.dropped > 0) absl::StrAppend(&text, "\n  and ", r.dropped, " more");
  r = Reports();
  return text;
}

}  // namespace roux::emulator
