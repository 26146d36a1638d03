// What an entry must say; errors, meta and missing kernels.
#include <cmath>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tests/ops/cases.h"
#include "tests/ops/checks.h"

namespace roux::testing {
namespace {

std::string error_text(const std::function<void(Device)>& fn, Device device) {
  try {
    fn(device);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

std::string check_entry(const Suite& suite, Device) {
  if (!suite.call_ || !suite.reference_) return "the entry needs .call and .reference";
  bool zero = false, odd = false, one = false;
  for (const Shapes& shapes : suite.samples_) {
    for (const Shape& shape : shapes) {
      for (int64_t size : shape) {
        zero |= size == 0;
        one |= size == 1;
        odd |= size > 2 && size % 2 == 1;
      }
    }
  }
  if (!zero && !suite.skips_.count("zero_size")) return "no sample has a zero-size axis";
  if (!odd && !suite.skips_.count("odd_size")) return "no sample has an odd size";
  if (!one && !suite.skips_.count("size_one")) return "no sample has an axis of size 1";
  if (suite.errors_.empty() && !suite.skips_.count("errors")) return "no documented error is checked";
  return "";
}

std::string check_meta(const Suite& suite, Device) {
  return for_each_case(suite, suite.dtypes_, kCpu, 0, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    NoGradGuard no_grad;
    const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
    Tensors on_meta;
    for (const Tensor& x : inputs) on_meta.push_back(empty(x.spec(), kMeta));
    const Tensors expected = suite.call_(inputs), got = suite.call_(on_meta);
    for (size_t j = 0; j < expected.size(); ++j) {
      if (!(got[j].spec() == expected[j].spec()) || !(got[j].device() == kMeta)) {
        return absl::StrCat(describe(suite, inputs), ": on meta output ", j, " is ", to_string(got[j].spec()),
                            " on ", to_string(got[j].device()), ", on cpu ", to_string(expected[j].spec()));
      }
    }
    return std::string();
  });
}

std::string check_errors(const Suite& suite, Device) {
  for (const Suite::ErrorCase& error : suite.errors_) {
    const std::string on_cpu = error_text(error.fn, kCpu);
    if (on_cpu.find(error.text) == std::string::npos) {
      return absl::StrCat("expected an error with \"", error.text, "\", got ",
                          on_cpu.empty() ? "none" : "\"" + on_cpu + "\"");
    }
    if (on_cpu.rfind(suite.op + ":", 0) != 0)
      return absl::StrCat("the error does not start with the op: \"", on_cpu, "\"");
    if (!error.needs_values && error_text(error.fn, kMeta) != on_cpu) {
      return absl::StrCat("on meta the error is \"", error_text(error.fn, kMeta), "\", on cpu \"", on_cpu,
                          "\"");
    }
  }
  return "";
}

namespace {

// x with values that few ops take, by number; an undefined tensor behind the last one.
Tensor with_values(const Tensor& x, size_t number) {
  static constexpr double kFloats[] = {NAN, -INFINITY, INFINITY, 0, -1, 1e30};
  static constexpr int kIntegers[] = {-1, 0, 1 << 20};
  const size_t count = is_floating(x.dtype()) ? std::size(kFloats) : std::size(kIntegers);
  if (x.dtype() == kBool || number >= count) return Tensor();
  return full(x.shape(), is_floating(x.dtype()) ? Scalar(kFloats[number]) : Scalar(kIntegers[number]),
              x.dtype());
}

}  // namespace

std::string check_names_itself(const Suite& suite, Device) {
  NoGradGuard no_grad;
  const DType dtype = suite.dtypes_.contains(kF64) ? kF64 : kF32;
  const Tensors inputs = make_inputs(suite, suite.samples_[0], dtype, 0);
  std::string failures;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t number = 0;; ++number) {
      Tensors wrong = inputs;
      wrong[i] = with_values(inputs[i], number);
      if (!wrong[i].defined()) break;
      const std::string error = error_text([&](Device) { suite.call_(wrong); }, kCpu);
      if (error.empty() || error.rfind(suite.op + ":", 0) == 0) continue;
      absl::StrAppend(&failures, describe(suite, wrong), ": the error does not start with the op: \"", error,
                      "\"\n");
    }
  }
  return failures;
}

std::string check_value_errors(const Suite& suite, Device device) {
  for (const Suite::ErrorCase& error : suite.errors_) {
    if (!error.needs_values) continue;
    const std::string there = error_text(
        [&](Device d) {
          error.fn(d);
          synchronize(d);  // a kernel reports a bad value at the next synchronisation
        },
        device);
    if (there.find("no kernel") != std::string::npos) continue;  // check_undeclared says which there are
    if (there.find(error.text) == std::string::npos) {
      return absl::StrCat("on ", to_string(device), " expected an error with \"", error.text, "\", got ",
                          there.empty() ? "none" : "\"" + there + "\"");
    }
  }
  return "";
}

std::string check_undeclared(const Suite& suite, Device device) {
  if (device == kCpu) return "";
  std::string undeclared, other;
  for (int t = 0; t < kDTypeCount; ++t) {
    const DType dtype = static_cast<DType>(t);
    if (!suite.dtypes_.contains(dtype) || suite.emulated_.contains(dtype)) continue;
    NoGradGuard no_grad;
    try {
      suite.call_(moved_to(make_inputs(suite, suite.samples_[0], dtype, 0), device));
    } catch (const Error& error) {
      if (std::string(error.what()).find("no kernel") != std::string::npos) continue;
      absl::StrAppend(&other, name(dtype), " on ", to_string(device), ": ", error.what(), "\n");
      continue;
    }
    absl::StrAppend(&undeclared, undeclared.empty() ? "" : ", ", name(dtype));
  }
  if (!undeclared.empty()) {
    absl::StrAppend(&other, "runs on ", to_string(device),
                    " in dtypes that the entry's .devices() does not name: ", undeclared);
  }
  return other;
}

}  // namespace roux::testing
