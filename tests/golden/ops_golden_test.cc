// Runs the cases of ops.jsonl through the public ops and autograd on each device that this program has:
// values, the fused and the recorded gradient, and the gradient of the gradient; then that no input was
// changed.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tests/golden/op_compare.h"

namespace roux::golden {
namespace {

constexpr const char* kFile = "tests/golden/ops.jsonl";

const std::vector<OpCase>& cases() {
  static const auto* all = new std::vector<OpCase>(or_throw(read_op_cases(kFile), "ops_golden_test"));
  return *all;
}

class CaseRun {
 public:
  CaseRun(const OpCase& c, const Call& call, Device device) : c_(c), call_(call), device_(device) {
    for (const Input& input : c.in) {
      in_.push_back(to_tensor(input, device));
      largest_input_ = std::max(largest_input_, largest_finite(input));
    }
  }

  // What differs, a line each.
  std::string run() {
    GradModeGuard recording(!c_.wrt.empty());
    for (const int i : c_.wrt) variables_.push_back(in_[static_cast<size_t>(i)].set_requires_grad(true));
    outputs_ = call_(in_, c_.opt);
    check("result", outputs_, c_.out, Stage::kForward);
    if (!c_.wrt.empty() && failures_.empty()) gradients();
    for (size_t i = 0; i < in_.size(); ++i) {
      note(absl::StrCat("input ", i, " was changed"), compare(values_of(in_[i]), c_.in[i], {}));
    }
    return failures_;
  }

 private:
  void gradients() {
    Tensors weights = tensors(c_.weight);
    check("gradient",
          grad(outputs_, variables_,
               {.grad_outputs = weights, .retain_graph = !c_.weight2.empty(), .allow_unused = true}),
          c_.grad, Stage::kGradient);
    if (c_.weight2.empty()) return;
    for (Tensor& weight : weights) weight.set_requires_grad(true);
    const Tensors first =
        grad(outputs_, variables_, {.grad_outputs = weights, .create_graph = true, .allow_unused = true});
    check("recorded gradient", first, c_.grad, Stage::kGradient);
    Tensors recorded, recorded_weights, both = variables_;
    const Tensors weights2 = tensors(c_.weight2);
    for (size_t i = 0; i < first.size(); ++i) {
      if (!first[i].defined() || !first[i].requires_grad()) continue;
      recorded.push_back(first[i]);
      recorded_weights.push_back(weights2[i]);
    }
    both.insert(both.end(), weights.begin(), weights.end());
    check("second gradient", grad(recorded, both, {.grad_outputs = recorded_weights, .allow_unused = true}),
          c_.grad2, Stage::kSecond);
  }

  Tensors tensors(const std::vector<CaseValues>& list) const {
    Tensors result;
    for (const CaseValues& values : list) result.push_back(to_tensor(values, device_));
    return result;
  }

  void check(const char* what, const Tensors& got, const std::vector<CaseValues>& expected, Stage stage) {
    if (got.size() != expected.size()) {
      return note(what, absl::StrCat(got.size(), " tensors, expected ", expected.size()));
    }
    for (size_t i = 0; i < got.size(); ++i) {
      // A gradient that nothing depends on is undefined and counts as 0.
      CaseValues zero = expected[i];
      std::fill(zero.v.begin(), zero.v.end(), 0);
      const CaseValues& e = expected[i];
      const Exactness exactness = op_calls().at(c_.op).exactness;
      note(absl::StrCat(what, " ", i),
           compare(got[i].defined() ? values_of(got[i]) : zero, e,
                   tolerance(exactness, stage, e.dtype, largest_input_, !(device_ == kCpu))));
    }
  }

  void note(const std::string& what, const std::string& difference) {
    if (!difference.empty()) absl::StrAppend(&failures_, "\n  ", what, ": ", difference);
  }

  const OpCase& c_;
  const Call& call_;
  Device device_;
  Tensors in_, variables_, outputs_;
  double largest_input_ = 0;
  std::string failures_;
};

std::string describe(const OpCase& c, const std::string& twin, Device device) {
  std::string text = absl::StrCat(c.name, ": ", twin, " ", c.opt_text, " on ", to_string(device), " of");
  for (const Input& x : c.in) {
    absl::StrAppend(&text, " ", to_string(TensorSpec{x.dtype, x.shape}), " ", x.layout, ",");
  }
  text.pop_back();
  return text;
}

void run_case(const OpCase& c) {
  for (const Device device : {kCpu, kEmulated, Device{DeviceType::kCuda, 0}}) {
    if (device_count(device.type) == 0) continue;
    for (const auto& [twin, call] : op_calls().at(c.op).twins) {
      std::string failure;
      try {
        failure = CaseRun(c, call, device).run();
      } catch (const Error& error) {
        if (!(device == kCpu) && absl::StrContains(error.what(), ": no kernel for ")) continue;
        failure = absl::StrCat("\n  threw ", error.what());
      }
      if (!failure.empty()) ADD_FAILURE() << describe(c, twin, device) << failure;
    }
  }
}

class CaseTest : public ::testing::Test {
 public:
  explicit CaseTest(const OpCase* c) : c_(c) {}
  void TestBody() override { run_case(*c_); }

 private:
  const OpCase* c_;
};

// Every public op, in every dtype that it takes.
const std::map<std::string, std::string> kNoCases = {
    {"empty_like", "its values are undefined"},
    {"tensor", "every case makes its inputs by it"},
    {"quantize", "blocks: quantize_test"},
    {"dequantize", "blocks: quantize_test"},
    {"block_linear", "weights are blocks: linear() of their values, which quantize_test compares"},
    {"block_linear_transposed", "likewise"},
};
const std::map<std::string, std::string> kNoGradient = {
    {"argsort", "indices"},
    {"searchsorted", "indices"},
    {"nonzero", "indices"},
    {"one_hot", "no floating input"},
    {"eq", "bool"},
    {"ne", "bool"},
    {"lt", "bool"},
    {"le", "bool"},
    {"gt", "bool"},
    {"ge", "bool"},
    {"logical_and", "bool"},
    {"logical_or", "bool"},
    {"logical_xor", "bool"},
    {"logical_not", "bool"},
    {"any", "bool"},
    {"all", "bool"},
    {"argmax", "an index"},
    {"argmin", "an index"},
    {"sequence_mask", "bool"},
    {"document_bounds", "an index"},
    {"categorical", "an index"},
    {"copy_", "writes"},
    {"fill_", "writes"},
    {"add_", "writes"},
    {"adamw_", "writes"},
    {"adamw_8bit_", "writes"},
    {"sgd_", "writes"},
    {"rmsprop_", "writes"},
    {"clip_factor_", "writes"},
    {"grad_norm", "its norm belongs to an update"},
    {"full", "no input"},
    {"zeros", "no input"},
    {"ones", "no input"},
    {"zeros_like", "no input is read"},
    {"ones_like", "no input is read"},
    {"arange", "no input"},
    {"uniform", "no input"},
    {"normal", "no input"},
    {"rotary", "no input that is differentiated"},
    {"exponential", "no input"},
    {"gumbel", "no input"},
    {"randint", "no input"},
    {"randperm", "no input"},
    {"bernoulli", "a draw"},
    {"gamma", "a draw"},
    {"log_gamma", "a draw"},
    {"beta", "a draw"},
    {"dirichlet", "a draw"},
    {"categorical_without_replacement", "an index"},
};
const std::set<std::string> kF64Alone = {
    "cholesky", "solve", "solve_triangular", "lstsq", "pinv", "inv", "logdet", "qr", "svd", "eigh"};

std::set<std::string> declared_ops() {
  const std::regex pattern("\n(?:[A-Z][A-Za-z0-9]*|void|std::[a-z]+<Tensor[^>]*>) ([a-z0-9_]+)\\(");
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("tensor/ops")) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() != ".h" || absl::StrContains(file, "_tables")) continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string header = text.str();
    for (std::sregex_iterator it(header.begin(), header.end(), pattern), end; it != end; ++it) {
      names.insert((*it)[1]);
    }
  }
  return names;
}

TEST(Coverage, EveryOpHasGoldenCases) {
  std::map<std::string, std::set<DType>> forward, gradient;
  std::map<std::string, std::set<std::string>> layouts;
  std::set<std::string> twins;
  int64_t second = 0;
  for (const OpCase& c : cases()) {
    for (const auto& [twin, call] : op_calls().at(c.op).twins) twins.insert(twin);
    for (const Input& x : c.in) layouts[c.op].insert(x.layout);
    for (const CaseValues& y : c.out) forward[c.op].insert(y.dtype);
    for (const CaseValues& g : c.grad) gradient[c.op].insert(g.dtype);
    second += c.weight2.empty() ? 0 : 1;
  }
  const std::set<std::string> declared = declared_ops();
  ASSERT_GT(declared.size(), 80u);
  for (const std::string& op : declared) {
    if (kNoCases.count(op)) continue;
    EXPECT_TRUE(twins.count(op)) << op << " has no case in " << kFile;
    if (kNoGradient.count(op) || absl::EndsWith(op, "_composed")) continue;
    EXPECT_EQ(gradient[op].size(), kF64Alone.count(op) ? 1u : 4u)
        << op << " has no gradient in some floating dtype";
    EXPECT_GE(layouts[op].size(), 5u) << op;
  }
  EXPECT_GE(cases().size(), 600u);
  EXPECT_GE(second, 100);
}

TEST(Compare, SeesTheNextNumberAndTheSignOfZero) {
  const CaseValues one{kBF16, {2}, {1, 0}};
  EXPECT_EQ(compare(one, one, {}), "");
  EXPECT_EQ(compare({kBF16, {2}, {1.0078125, 0}}, one, {.ulps = 0.9}),
            "element [0] is 1.0078125, expected 1 (allowed 0.00703)");
  EXPECT_EQ(compare({kBF16, {2}, {1.0078125, 0}}, one, {.ulps = 1}), "");
  EXPECT_EQ(compare({kBF16, {2}, {1, -0.0L}}, one, {}), "element [1] is -0, expected 0 (allowed 0)");
  EXPECT_EQ(compare({kBF16, {2}, {std::nan(""), 0}}, one, {.ulps = 1}),
            "element [0] is nan, expected 1 (allowed 0.00781)");
  EXPECT_EQ(compare({kF16, {2}, {1, 0}}, one, {}), "dtype is f16, expected bf16");
}

}  // namespace
}  // namespace roux::golden

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (const roux::golden::OpCase& c : roux::golden::cases()) {
    ::testing::RegisterTest(c.op.c_str(), c.name.substr(c.op.size() + 1).c_str(), nullptr, nullptr, __FILE__,
                            __LINE__, [&c]() -> ::testing::Test* { return new roux::golden::CaseTest(&c); });
  }
  return RUN_ALL_TESTS();
}
