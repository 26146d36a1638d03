// Whether ops record themselves for backward. Thread-local, on by default.
#ifndef ROUX_TENSOR_GRAD_MODE_H_
#define ROUX_TENSOR_GRAD_MODE_H_

namespace roux {

bool grad_mode_enabled();
void set_grad_mode(bool enabled);

// { NoGradGuard no_grad; ... }: ops inside record nothing, and in-place writes are allowed.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) : previous_(grad_mode_enabled()) { set_grad_mode(enabled); }
  ~GradModeGuard() { set_grad_mode(previous_); }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 private:
  bool previous_;
};
class NoGradGuard : public GradModeGuard {
 public:
  NoGradGuard() : GradModeGuard(false) {}
};

}  // namespace roux

#endif  // ROUX_TENSOR_GRAD_MODE_H_
