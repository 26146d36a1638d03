// What the detectors found in the running launch. Reports are collected, one per place in the code, and
// thrown as one roux::Error when the launch ends.
#ifndef ROUX_CUDA_EMULATOR_REPORT_H_
#define ROUX_CUDA_EMULATOR_REPORT_H_

#include <string>

namespace roux::emulator {

// Adds a report with the current thread's block and thread and the source line of pc (nullptr: unknown). One
// pc reports a kind once.
void report(const char* kind, const std::string& text, const void* pc);
// The same, and the launch ends here: the current thread never continues.
[[noreturn]] void report_fatal(const char* kind, const std::string& text, const void* pc);
// A report of the scheduler, without a current thread.
void report_block(const char* kind, const std::string& text);

// Clears all reports and returns their text, empty when there are none.
std::string take_reports();

// Name of a function, "file:line" of an instruction (through dladdr and binutils' addr2line; "" when
// unknown).
std::string function_name(const void* function);
std::string source_line(const void* pc);

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_REPORT_H_
