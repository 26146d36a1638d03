// Errors, by who can fix them.
//
//   roux::Error      the caller of an op or module made a mistake. Thrown through ROUX_CHECK or or_throw.
//   absl::Status     the outside world is at fault: files, flags, data, checkpoints, processes.
//   ROUX_INVARIANT   a bug in Roux: prints where, a stack trace, and aborts.
//
//   ROUX_CHECK(x.dim() >= 1) << "softmax: x needs at least one axis: x is " << x.spec();
//
// Message form: `op: what is wrong: argument is dtype[shape], ..., what was needed`. Module levels are
// appended by Module as one line each. All functions here are thread-safe.
#ifndef ROUX_TENSOR_ERROR_H_
#define ROUX_TENSOR_ERROR_H_

#include <exception>
#include <sstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roux {

class Error : public std::exception {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  // Appends "\n  in <where>": the path-adding wrapper of a module calls this on the way up.
  void add_context(const std::string& where) { message_ += "\n  in " + where; }

 private:
  std::string message_;
};

// Throws Error("<op>: <status message>").
[[noreturn]] void throw_error(const absl::Status& status, const char* op);

// Unwraps the result of a pure shape rule; a failure becomes an Error that starts with the op's name.
template <class T>
T or_throw(absl::StatusOr<T> value, const char* op) {
  if (!value.ok()) throw_error(value.status(), op);
  return *std::move(value);
}

namespace internal {

// Collects the streamed message and throws in its destructor.
class ErrorThrower {
 public:
  ErrorThrower() = default;
  ErrorThrower(const ErrorThrower&) = delete;
  ErrorThrower& operator=(const ErrorThrower&) = delete;
  // An operand of << may throw itself (the spec of an undefined tensor, say): that error goes on alone.
  ~ErrorThrower() noexcept(false) {
    if (std::uncaught_exceptions() == uncaught_) throw Error(stream_.str());
  }
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
  const int uncaught_ = std::uncaught_exceptions();
};

struct Voidify {
  void operator&(std::ostream&) {}
};

[[noreturn]] void invariant_failed(const char* condition, const char* file, int line);

}  // namespace internal
}  // namespace roux

// A condition that the caller must meet; the streamed text is the whole message (the condition is never
// printed).
#define ROUX_CHECK(cond) \
  (cond) ? (void)0 : ::roux::internal::Voidify() & ::roux::internal::ErrorThrower().stream()

// A condition that only a bug in Roux can break.
#define ROUX_INVARIANT(cond) \
  ((cond) ? (void)0 : ::roux::internal::invariant_failed(#cond, __FILE__, __LINE__))

#define ROUX_RETURN_IF_ERROR(expr)               \
  do {                                           \
    absl::Status roux_status_ = (expr);          \
    if (!roux_status_.ok()) return roux_status_; \
  } while (false)

#define ROUX_CONCAT_INNER_(a, b) a##b
#define ROUX_CONCAT_(a, b) ROUX_CONCAT_INNER_(a, b)
#define ROUX_ASSIGN_OR_RETURN(lhs, expr) ROUX_ASSIGN_OR_RETURN_(ROUX_CONCAT_(roux_or_, __LINE__), lhs, expr)
#define ROUX_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                           \
  if (!tmp.ok()) return tmp.status();          \
  lhs = *std::move(tmp)

#endif  // ROUX_TENSOR_ERROR_H_
