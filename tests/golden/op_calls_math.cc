// Ops that compute; losses have their own file.
#include <limits>
#include <sstream>

#include "tensor/error.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/convolution.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/scan.h"
#include "tensor/ops/softmax.h"
#include "tests/golden/op_calls.h"

namespace roux::golden {
namespace {

using enum Exactness;
using Options = OpOptions;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Unary = Tensor(const Tensor&);
using Binary = Tensor(const Tensor&, const Tensor&);

auto unary(Unary* fn) {
  return [fn](const Tensors& in, const Options&) { return fn(in[0]); };
}
auto binary(Binary* fn) {
  return [fn](const Tensors& in, const Options&) { return fn(in[0], in[1]); };
}
// fn(tensor, tensor), or with a plain number on the right where the case has one.
template <class Fn>
auto with_number(Fn fn) {
  return [fn](const Tensors& in, const Options& opt) -> Tensor {
    return opt.has("b") ? fn(in[0], opt.number("b")) : fn(in[0], in[1]);
  };
}
// The same with a number on either side.
template <class Fn>
auto with_numbers(Fn fn) {
  return [fn](const Tensors& in, const Options& opt) -> Tensor {
    return opt.has("a") ? fn(opt.number("a"), in[0]) : with_number(fn)(in, opt);
  };
}
auto with_axis(Tensor (*fn)(const Tensor&, int64_t)) {
  return [fn](const Tensors& in, const Options& opt) { return fn(in[0], opt.integer("axis")); };
}
// One axis, a list of axes, or all.
auto reduction(Unary* all, Tensor (*one)(const Tensor&, int64_t, bool),
               Tensor (*many)(const Tensor&, absl::Span<const int64_t>, bool)) {
  return [=](const Tensors& in, const Options& opt) {
    if (opt.has("axes")) return many(in[0], opt.list("axes"), opt.flag("keepdim"));
    return opt.has("axis") ? one(in[0], opt.integer("axis"), opt.flag("keepdim")) : all(in[0]);
  };
}
// The same with a correction.
auto spread(Unary* all, Tensor (*one)(const Tensor&, int64_t, bool, double),
            Tensor (*many)(const Tensor&, absl::Span<const int64_t>, bool, double)) {
  return [=](const Tensors& in, const Options& opt) {
    const double correction = opt.number("correction", 1);
    if (opt.has("axes")) return many(in[0], opt.list("axes"), opt.flag("keepdim"), correction);
    return opt.has("axis") ? one(in[0], opt.integer("axis"), opt.flag("keepdim"), correction) : all(in[0]);
  };
}
auto scan(Tensor (*fn)(const Tensor&, int64_t, bool)) {
  return [fn](const Tensors& in, const Options& opt) {
    return fn(in[0], opt.integer("axis"), opt.flag("reverse"));
  };
}

DType target_dtype(const Options& opt) {
  for (int i = 0; i < kPlainDTypeCount; ++i) {
    if (opt.text("to") == name(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  throw Error(opt.text("to") + " is no dtype");
}

void add_elementwise(OpTable& table) {
  table.add("add", kRounded, with_number([](const Tensor& a, const auto& b) { return add(a, b); }));
  table.add("sub", kRounded, with_numbers([](const auto& a, const auto& b) { return sub(a, b); }));
  table.add("mul", kRounded, with_number([](const Tensor& a, const auto& b) { return mul(a, b); }));
  table.add("div", kRounded, with_numbers([](const auto& a, const auto& b) { return div(a, b); }));
  table.add("pow", kRounded, with_number([](const Tensor& a, const auto& b) { return pow(a, b); }));
  table.add("remainder", kRounded,
            with_number([](const Tensor& a, const auto& b) { return remainder(a, b); }));
  table.add("maximum", kExact, binary(maximum));
  table.add("minimum", kExact, binary(minimum));
  table.add("eq", kExact, with_number([](const Tensor& a, const auto& b) { return eq(a, b); }));
  table.add("ne", kExact, with_number([](const Tensor& a, const auto& b) { return ne(a, b); }));
  table.add("lt", kExact, with_number([](const Tensor& a, const auto& b) { return lt(a, b); }));
  table.add("le", kExact, with_number([](const Tensor& a, const auto& b) { return le(a, b); }));
  table.add("gt", kExact, with_number([](const Tensor& a, const auto& b) { return gt(a, b); }));
  table.add("ge", kExact, with_number([](const Tensor& a, const auto& b) { return ge(a, b); }));
  table.add("logical_and", kExact, binary(logical_and));
  table.add("logical_or", kExact, binary(logical_or));
  table.add("logical_xor", kExact, binary(logical_xor));
  table.add("logical_not", kExact, unary(logical_not));
  table.add("neg", kExact, unary(neg));
  table.add("abs", kExact, unary(abs));
  table.add("sign", kRounded, unary(sign));
  table.add("round", kExact, unary(round));
  table.add("floor", kExact, unary(floor));
  table.add("ceil", kExact, unary(ceil));
  table.add("expm1", kRounded, unary(expm1));
  table.add("log1p", kRounded, unary(log1p));
  table.add("sin", kRounded, unary(sin));
  table.add("cos", kRounded, unary(cos));
  table.add("softplus", kRounded, unary(softplus));
  table.add("log_sigmoid", kRounded, unary(log_sigmoid));
  table.add("exp", kRounded, unary(exp));
  table.add("log", kRounded, unary(log));
  table.add("sqrt", kRounded, unary(sqrt));
  table.add("rsqrt", kRounded, unary(rsqrt));
  table.add("tanh", kRounded, unary(tanh));
  table.add("sigmoid", kRounded, unary(sigmoid));
  table.add("erf", kRounded, unary(erf));
  table.add("relu", kExact, unary(relu));
  table.add("silu", kRounded, unary(silu));
  table.add("gelu", kSummed, [](const Tensors& in, const Options& opt) {
    return gelu(in[0], opt.text("kind") == "tanh" ? GeluKind::kTanh : GeluKind::kErf);
  });
  table.add("where", kExact, [](const Tensors& in, const Options&) { return where(in[0], in[1], in[2]); });
  table.add("clamp", kExact, [](const Tensors& in, const Options& opt) {
    return clamp(in[0], opt.number("low", -kInfinity), opt.number("high", kInfinity));
  });
  table.add("cast", kExact,
            [](const Tensors& in, const Options& opt) { return cast(in[0], target_dtype(opt)); });
}

// These write into their first argument: a copy of the input, or new memory of another dtype.
void add_in_place(OpTable& table) {
  table.add("copy_", kExact, [](const Tensors& in, const Options& opt) {
    const Tensor x = opt.has("to") ? zeros(in[0].shape(), target_dtype(opt), in[0].device())
                                   : to_tensor(values_of(in[0]), in[0].device());
    copy_(x, in.back());
    return x;
  });
  table.add("fill_", kExact, [](const Tensors& in, const Options& opt) {
    const Tensor x = to_tensor(values_of(in[0]), in[0].device());
    fill_(x, opt.number("value"));
    return x;
  });
  table.add("add_", kRounded, [](const Tensors& in, const Options& opt) {
    const Tensor x = to_tensor(values_of(in[0]), in[0].device());
    add_(x, in[1], opt.number("scale"));
    return x;
  });
}

void add_reduce(OpTable& table) {
  table.add("sum", kSummed, reduction(sum, sum, sum));
  table.add("mean", kSummed, reduction(mean, mean, mean));
  table.add("amax", kExact, reduction(amax, amax, amax));
  table.add("amin", kExact, reduction(amin, amin, amin));
  table.add("prod", kSummed, reduction(prod, prod, prod));
  table.add("var", kSummed, spread(var, var, var));
  table.add("std", kSummed, spread(std, std, std));
  table.add("any", kExact, reduction(any, any, any));
  table.add("all", kExact, reduction(all, all, all));
  table.add("argmin", kExact, [](const Tensors& in, const Options& opt) {
    return argmin(in[0], opt.integer("axis"), opt.flag("keepdim"));
  });
  table.add("cumsum", kSummed, scan(cumsum));
  table.add("cumprod", kSummed, scan(cumprod), scan(cumprod_composed));
  table.add("logsumexp", kSummed, reduction(logsumexp, logsumexp, logsumexp));
  table.add("argmax", kExact, [](const Tensors& in, const Options& opt) {
    return argmax(in[0], opt.integer("axis"), opt.flag("keepdim"));
  });
  table.add("sum_to", kSummed,
            [](const Tensors& in, const Options& opt) { return sum_to(in[0], Shape(opt.list("shape"))); });
  table.add("softmax", kSummed, with_axis(softmax), with_axis(softmax_composed));
  table.add("log_softmax", kSummed, with_axis(log_softmax), with_axis(log_softmax_composed));
}

auto rms_norms(Tensor (*fn)(const Tensor&, const Tensor&, double)) {
  return [fn](const Tensors& in, const Options& opt) { return fn(in[0], in[1], opt.number("eps")); };
}
auto layer_norms(Tensor (*fn)(const Tensor&, const Tensor&, const Tensor&, double)) {
  return [fn](const Tensors& in, const Options& opt) {
    return fn(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), opt.number("eps"));
  };
}

// Inputs after q, k and v are what "extra" names, or else a mask or a bias.
AttentionOptions attention_options(const Tensors& in, const Options& opt) {
  AttentionOptions options = {
      .rules = {.causal = opt.flag("causal"), .window = opt.has("window") ? opt.integer("window") : 0},
      .softcap = opt.number("softcap", 0)};
  if (opt.has("scale")) options.scale = opt.number("scale");
  AttentionRules& rules = options.rules;
  const std::map<std::string, Tensor*> slots{{"position", &rules.position},
                                             {"prefix", &rules.prefix},
                                             {"begin", &rules.begin},
                                             {"end", &rules.end},
                                             {"mask", &rules.mask},
                                             {"bias", &rules.bias},
                                             {"distance_bias", &rules.distance_bias}};
  std::istringstream names(opt.text("extra", in.size() < 4 ? "" : in[3].dtype() == kBool ? "mask" : "bias"));
  size_t next = 3;
  for (std::string name; names >> name;) *slots.at(name) = in[next++];
  return options;
}
auto attentions(Tensor (*fn)(const Tensor&, const Tensor&, const Tensor&, const AttentionOptions&)) {
  return [fn](const Tensors& in, const Options& opt) {
    return fn(in[0], in[1], in[2], attention_options(in, opt));
  };
}
auto attentions_with_lse(AttentionPart (*fn)(const Tensor&, const Tensor&, const Tensor&,
                                             const AttentionOptions&)) {
  return [fn](const Tensors& in, const Options& opt) {
    const AttentionPart part = fn(in[0], in[1], in[2], attention_options(in, opt));
    return Tensors{part.y, part.lse};
  };
}

Windows windows_of(const Options& opt) {
  return {.size = opt.integer("size"),
          .stride = opt.integer("stride"),
          .dilation = opt.integer("dilation"),
          .before = opt.integer("before"),
          .after = opt.integer("after")};
}

void add_layers(OpTable& table) {
  table.add("matmul", kSummed, binary(matmul));
  table.add("linear", kSummed, [](const Tensors& in, const Options&) {
    return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor());
  });
  table.add("rms_norm", kSummed, rms_norms(rms_norm), rms_norms(rms_norm_composed));
  table.add("layer_norm", kCentred, layer_norms(layer_norm), layer_norms(layer_norm_composed));
  table.add("group_norm", kCentred, [](const Tensors& in, const Options& opt) {
    return group_norm(in[0], opt.integer("groups"), in.size() > 1 ? in[1] : Tensor(),
                      in.size() > 2 ? in[2] : Tensor(), opt.number("eps"));
  });
  table.add("l2_normalize", kSummed, [](const Tensors& in, const Options& opt) {
    return l2_normalize(in[0], opt.integer("axis"), opt.number("eps"));
  });
  table.add("cosine_similarity", kSummed, [](const Tensors& in, const Options& opt) {
    return cosine_similarity(in[0], in[1], opt.integer("axis"), opt.number("eps"));
  });
  table.add("unfold", kExact,
            [](const Tensors& in, const Options& opt) { return unfold(in[0], windows_of(opt)); });
  table.add("fold", kSummed, [](const Tensors& in, const Options& opt) {
    return fold(in[0], opt.integer("length"), windows_of(opt));
  });
  table.add("conv1d", kSummed, [](const Tensors& in, const Options& opt) {
    return conv1d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(),
                  {.stride = opt.integer("stride"),
                   .padding = opt.integer("padding"),
                   .dilation = opt.integer("dilation"),
                   .groups = opt.integer("groups"),
                   .causal = opt.flag("causal")});
  });
  table.add("swiglu", kRounded, binary(swiglu), binary(swiglu_composed));
  table.add("scaled_dot_product_attention", kSummed, attentions(scaled_dot_product_attention),
            attentions(scaled_dot_product_attention_composed));
  table.add("attention_with_lse", kSummed, attentions_with_lse(attention_with_lse),
            attentions_with_lse(attention_with_lse_composed));
  // y and lse of each part in turn.
  table.add("merge_attention", kSummed, [](const Tensors& in, const Options&) {
    std::vector<AttentionPart> parts;
    for (size_t i = 0; i < in.size(); i += 2) parts.push_back({in[i], in[i + 1]});
    return merge_attention(parts);
  });
}

}  // namespace

void add_math_calls(OpTable& table) {
  add_elementwise(table);
  add_in_place(table);
  add_reduce(table);
  add_layers(table);
}

const std::map<std::string, OpCalls>& op_calls() {
  static const OpTable* table = [] {
    auto* made = new OpTable;
    add_math_calls(*made);
    add_data_calls(*made);
    add_loss_calls(*made);
    add_linalg_calls(*made);
    return made;
  }();
  return table->calls();
}

}  // namespace roux::golden
