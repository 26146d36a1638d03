// Ops that place, view, make or update.
#include "tensor/generator.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/einsum.h"
#include "tensor/ops/index.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/order.h"
#include "tensor/ops/random.h"
#include "tensor/ops/rotary.h"
#include "tensor/ops/view.h"
#include "tests/golden/op_calls.h"

namespace roux::golden {
namespace {

using enum Exactness;
using Options = OpOptions;

Shape shape_option(const Options& opt) { return Shape(opt.list("shape")); }

void add_index(OpTable& table) {
  table.add("cat", kExact,
            [](const Tensors& in, const Options& opt) { return cat(in, opt.integer("axis")); });
  table.add("gather", kExact,
            [](const Tensors& in, const Options& opt) { return gather(in[0], opt.integer("axis"), in[1]); });
  table.add("scatter_add", kSummed, [](const Tensors& in, const Options& opt) {
    return scatter_add(shape_option(opt), opt.integer("axis"), in[0], in[1]);
  });
  table.add("embedding", kExact, [](const Tensors& in, const Options&) { return embedding(in[0], in[1]); });
  table.add("embedding_backward", kSummed, [](const Tensors& in, const Options& opt) {
    return embedding_backward(in[0], in[1], opt.integer("rows"));
  });
  table.add("tril", kExact,
            [](const Tensors& in, const Options& opt) { return tril(in[0], opt.integer("k")); });
  table.add("triu", kExact,
            [](const Tensors& in, const Options& opt) { return triu(in[0], opt.integer("k")); });
}

RopeType rope_type(const std::string& name) {
  for (const auto& [known, type] : {std::pair("default", RopeType::kDefault),
                                    {"linear", RopeType::kLinear},
                                    {"dynamic", RopeType::kDynamicNtk},
                                    {"yarn", RopeType::kYarn},
                                    {"llama3", RopeType::kLlama3}}) {
    if (name == known) return type;
  }
  throw Error("no rope type " + name);
}

void add_rotary(OpTable& table) {
  table.add("rotary_embedding", kSummed, [](const Tensors& in, const Options& opt) {
    return rotary_embedding(in[0], {in[1], in[2], opt.flag("interleaved")});
  });
  // An angle is rounded at its own size, and so is what it rotates.
  table.add("rotary", kCentred, [](const Tensors& in, const Options& opt) {
    Rope rope = {.theta = opt.number("theta"), .fraction = opt.number("fraction")};
    RopeScaling& s = rope.scaling;
    s.type = rope_type(opt.text("type"));
    s.factor = opt.number("factor", s.factor);
    if (opt.has("original_max_position_embeddings"))
      s.original_max_position_embeddings = opt.integer("original_max_position_embeddings");
    s.beta_fast = opt.number("beta_fast", s.beta_fast);
    s.beta_slow = opt.number("beta_slow", s.beta_slow);
    if (opt.has("truncate")) s.truncate = opt.flag("truncate");
    if (opt.has("attention_factor")) s.attention_factor = opt.number("attention_factor");
    s.mscale = opt.number("mscale", s.mscale);
    s.mscale_all_dim = opt.number("mscale_all_dim", s.mscale_all_dim);
    s.low_freq_factor = opt.number("low_freq_factor", s.low_freq_factor);
    s.high_freq_factor = opt.number("high_freq_factor", s.high_freq_factor);
    const Rotary r =
        rotary(rope, opt.integer("head_dim"), in[0], is_floating(in[0].dtype()) ? in[0].dtype() : kF64);
    return Tensors{r.cos, r.sin};
  });
}

void add_order(OpTable& table) {
  table.add("sort", kExact, [](const Tensors& in, const Options& opt) {
    return sort(in[0], opt.integer("axis"), opt.flag("descending")).values;
  });
  table.add("argsort", kExact, [](const Tensors& in, const Options& opt) {
    return argsort(in[0], opt.integer("axis"), opt.flag("descending"));
  });
  table.add("topk", kExact, [](const Tensors& in, const Options& opt) {
    const Ordered top = topk(in[0], opt.integer("k"), opt.integer("axis"), opt.flag("largest"));
    return opt.flag("indices") ? top.indices : top.values;
  });
  table.add("searchsorted", kExact, [](const Tensors& in, const Options& opt) {
    return searchsorted(in[0], in[1], opt.flag("right"));
  });
}

// By slices, lists and masks.
void add_placing(OpTable& table) {
  table.add("index_select", kExact, [](const Tensors& in, const Options& opt) {
    return index_select(in[0], opt.integer("axis"), in[1]);
  });
  table.add("index_add", kSummed, [](const Tensors& in, const Options& opt) {
    return index_add(in[0], opt.integer("axis"), in[1], in[2]);
  });
  table.add("scatter", kExact, [](const Tensors& in, const Options& opt) {
    return scatter(in[0], opt.integer("axis"), in[1], in[2]);
  });
  table.add("index_put", kSummed, [](const Tensors& in, const Options& opt) {
    const Tensors indices(in.begin() + 1, in.end() - 1);
    return index_put(in[0], indices, in.back(), opt.flag("accumulate"));
  });
  table.add("one_hot", kExact,
            [](const Tensors& in, const Options& opt) { return one_hot(in[0], opt.integer("classes")); });
  table.add("masked_fill", kExact, [](const Tensors& in, const Options& opt) {
    return masked_fill(in[0], in[1], opt.number("value"));
  });
  table.add("masked_select", kExact,
            [](const Tensors& in, const Options&) { return masked_select(in[0], in[1]); });
  table.add("nonzero", kExact, [](const Tensors& in, const Options&) { return nonzero(in[0]); });
}

void add_view(OpTable& table) {
  table.add("view", kExact,
            [](const Tensors& in, const Options& opt) { return view(in[0], shape_option(opt)); });
  table.add("reshape", kExact,
            [](const Tensors& in, const Options& opt) { return reshape(in[0], shape_option(opt)); });
  table.add("expand", kExact,
            [](const Tensors& in, const Options& opt) { return expand(in[0], shape_option(opt)); });
  table.add("straight_through", kExact,
            [](const Tensors& in, const Options&) { return straight_through(in[0], in[1]); });
  table.add("contiguous", kExact, [](const Tensors& in, const Options&) { return contiguous(in[0]); });
  table.add("transpose", kExact, [](const Tensors& in, const Options& opt) {
    return transpose(in[0], opt.integer("axis0"), opt.integer("axis1"));
  });
  table.add("permute", kExact,
            [](const Tensors& in, const Options& opt) { return permute(in[0], opt.list("axes")); });
  table.add("squeeze", kExact,
            [](const Tensors& in, const Options& opt) { return squeeze(in[0], opt.integer("axis")); });
  table.add("unsqueeze", kExact,
            [](const Tensors& in, const Options& opt) { return unsqueeze(in[0], opt.integer("axis")); });
  table.add("slice", kExact, [](const Tensors& in, const Options& opt) {
    return slice(in[0], opt.integer("axis"), opt.integer("begin"), opt.integer("end"), opt.integer("step"));
  });
  table.add("select", kExact, [](const Tensors& in, const Options& opt) {
    return select(in[0], opt.integer("axis"), opt.integer("index"));
  });
  table.add("split", kExact, [](const Tensors& in, const Options& opt) {
    return split(in[0], opt.list("sizes"), opt.integer("axis"));
  });
}

void add_arrange(OpTable& table) {
  table.add("flip", kExact,
            [](const Tensors& in, const Options& opt) { return flip(in[0], opt.list("axes")); });
  table.add("roll", kExact, [](const Tensors& in, const Options& opt) {
    return roll(in[0], opt.integer("shift"), opt.integer("axis"));
  });
  table.add("repeat", kExact,
            [](const Tensors& in, const Options& opt) { return repeat(in[0], opt.list("counts")); });
  table.add("repeat_interleave", kExact, [](const Tensors& in, const Options& opt) {
    if (in.size() > 1) return repeat_interleave(in[0], in[1], opt.integer("axis"));
    return repeat_interleave(in[0], opt.integer("count"), opt.integer("axis"));
  });
  table.add("stack", kExact,
            [](const Tensors& in, const Options& opt) { return stack(in, opt.integer("axis")); });
  table.add("chunk", kExact, [](const Tensors& in, const Options& opt) {
    return chunk(in[0], opt.integer("count"), opt.integer("axis"));
  });
  table.add("unbind", kExact,
            [](const Tensors& in, const Options& opt) { return unbind(in[0], opt.integer("axis")); });
  table.add("diagonal", kExact, [](const Tensors& in, const Options& opt) {
    return diagonal(in[0], opt.integer("offset"), opt.integer("axis0"), opt.integer("axis1"));
  });
  table.add("einsum", kSummed,
            [](const Tensors& in, const Options& opt) { return einsum(opt.text("equation"), in); });
}

// Shape, dtype and device are those of the input.
void add_creation(OpTable& table) {
  table.add("full", kExact, [](const Tensors& in, const Options& opt) {
    return full(in[0].shape(), opt.number("value"), in[0].dtype(), in[0].device());
  });
  table.add("zeros", kExact, [](const Tensors& in, const Options&) {
    return zeros(in[0].shape(), in[0].dtype(), in[0].device());
  });
  table.add("ones", kExact, [](const Tensors& in, const Options&) {
    return ones(in[0].shape(), in[0].dtype(), in[0].device());
  });
  table.add("zeros_like", kExact, [](const Tensors& in, const Options&) { return zeros_like(in[0]); });
  table.add("ones_like", kExact, [](const Tensors& in, const Options&) { return ones_like(in[0]); });
  table.add("arange", kRounded, [](const Tensors& in, const Options& opt) {
    return arange(opt.number("begin"), opt.number("end"), opt.number("step"), in[0].dtype(), in[0].device());
  });
  table.add("to_device", kExact, [](const Tensors& in, const Options&) {
    const Device other = in[0].device() == kCpu ? kEmulated : kCpu;
    return to_device(to_device(in[0], other), in[0].device());
  });
}

// Input first, first + stride, ...: one of several lists that take turns. Copied: updates write.
Tensors every(const Tensors& in, size_t first, size_t stride) {
  Tensors result;
  for (size_t i = first; i < in.size(); i += stride) {
    result.push_back(to_tensor(values_of(in[i]), in[i].device()));
  }
  return result;
}

Tensor step_scalars(const Options& opt, Device device) {
  return tensor(
      std::vector<double>{opt.number("lr"), opt.number("step"), opt.number("factor"), opt.number("finite")},
      {kStepScalarCount}, device);
}

Tensors adamw(const Tensors& in, const Options& opt) {
  const Tensors p = every(in, 0, 4), g = every(in, 1, 4), m = every(in, 2, 4), v = every(in, 3, 4);
  Tensors steps;
  for (size_t i = 0; i < p.size(); ++i) {
    steps.push_back(full({1}, opt.number("step") - 1, kF64, in[0].device()));
  }
  adamw_(p, g, m, v, steps, step_scalars(opt, in[0].device()),
         {.beta1 = opt.number("beta1"),
          .beta2 = opt.number("beta2"),
          .eps = opt.number("eps"),
          .weight_decay = opt.number("weight_decay"),
          .lr_scale = opt.number("lr_scale")});
  Tensors results;
  for (size_t i = 0; i < p.size(); ++i) results.insert(results.end(), {p[i], m[i], v[i], steps[i]});
  return results;
}

Tensors adamw_8bit(const Tensors& in, const Options& opt) {
  const Tensors step{full({1}, opt.number("step") - 1, kF64, in[0].device())};
  const Tensors p = every(in, 0, 6), codes = every(in, 2, 6), codes_sq = every(in, 3, 6),
                absmax = every(in, 4, 6), absmax_sq = every(in, 5, 6);
  adamw_8bit_(p, {in[1]}, codes, codes_sq, absmax, absmax_sq, step, step_scalars(opt, in[0].device()),
              {.beta1 = opt.number("beta1"),
               .beta2 = opt.number("beta2"),
               .eps = opt.number("eps"),
               .weight_decay = opt.number("weight_decay"),
               .lr_scale = opt.number("lr_scale")});
  return {p[0], codes[0], codes_sq[0], absmax[0], absmax_sq[0], step[0]};
}

Tensors sgd(const Tensors& in, const Options& opt) {
  const Tensors p = every(in, 0, 3), g = every(in, 1, 3), buffers = every(in, 2, 3);
  const SgdOptions options = {.momentum = opt.number("momentum"),
                              .weight_decay = opt.number("weight_decay"),
                              .nesterov = opt.flag("nesterov"),
                              .lr_scale = opt.number("lr_scale")};
  sgd_(p, g, options.momentum == 0 ? Tensors{} : buffers, step_scalars(opt, in[0].device()), options);
  Tensors results;
  for (size_t i = 0; i < p.size(); ++i) results.insert(results.end(), {p[i], buffers[i]});
  return results;
}

Tensors rmsprop(const Tensors& in, const Options& opt) {
  const Tensors p = every(in, 0, 5), g = every(in, 1, 5), v = every(in, 2, 5), a = every(in, 3, 5),
                b = every(in, 4, 5);
  const RmspropOptions options = {.alpha = opt.number("alpha"),
                                  .eps = opt.number("eps"),
                                  .weight_decay = opt.number("weight_decay"),
                                  .momentum = opt.number("momentum"),
                                  .centered = opt.flag("centered"),
                                  .lr_scale = opt.number("lr_scale")};
  rmsprop_(p, g, v, options.centered ? a : Tensors{}, options.momentum == 0 ? Tensors{} : b,
           step_scalars(opt, in[0].device()), options);
  Tensors results;
  for (size_t i = 0; i < p.size(); ++i) results.insert(results.end(), {p[i], v[i], a[i], b[i]});
  return results;
}

// The factor after a norm that is not finite is left open.
Tensor clip_factor(const Tensors& in, const Options& opt) {
  const Tensor scalars = to_tensor(values_of(in[1]), in[1].device());
  clip_factor_(in[0], opt.number("max_norm"), opt.number("factor"), scalars);
  const std::vector<double> values = scalars.to_vector<double>();
  if (values[kFinite] != 0) return scalars;
  return tensor(std::vector<double>{values[kStep], values[kFinite]}, {2}, scalars.device());
}

void add_optimizer(OpTable& table) {
  table.add("adamw_", kSummed, adamw);
  table.add("adamw_8bit_", kSummed, adamw_8bit);
  table.add("sgd_", kSummed, sgd);
  table.add("rmsprop_", kSummed, rmsprop);
  table.add("grad_norm", kSummed, [](const Tensors& in, const Options&) { return grad_norm(in); });
  table.add("clip_factor_", kRounded, clip_factor);
}

Generator generator_of(const Options& opt, const Tensors& in) {
  Generator generator(0, in[0].device());
  generator.set_state(
      {static_cast<uint64_t>(opt.integer("seed")), static_cast<uint64_t>(opt.integer("offset"))});
  return generator;
}

void add_random(OpTable& table) {
  table.add("uniform", kRounded, [](const Tensors& in, const Options& opt) {
    Generator generator = generator_of(opt, in);
    return uniform(in[0].shape(), opt.number("low"), opt.number("high"), generator, in[0].dtype());
  });
  table.add("normal", kDrawn, [](const Tensors& in, const Options& opt) {
    Generator generator = generator_of(opt, in);
    return normal(in[0].shape(), opt.number("mean"), opt.number("std"), generator, in[0].dtype());
  });
  table.add("categorical", kExact, [](const Tensors& in, const Options& opt) {
    Generator generator = generator_of(opt, in);
    return categorical(in[0], generator);
  });
  table.add("dropout", kRounded, [](const Tensors& in, const Options& opt) {
    Generator generator = generator_of(opt, in);
    return dropout(in[0], opt.number("p"), generator);
  });
}

// fn(in, opt, generator)
template <class Fn>
auto drawn(Fn fn) {
  return [fn](const Tensors& in, const Options& opt) {
    Generator generator = generator_of(opt, in);
    return fn(in, opt, generator);
  };
}

void add_more_random(OpTable& table) {
  table.add("exponential", kDrawn, drawn([](const Tensors& in, const Options& opt, Generator& g) {
              return exponential(in[0].shape(), opt.number("rate"), g, in[0].dtype());
            }));
  table.add("gumbel", kDrawn, drawn([](const Tensors& in, const Options&, Generator& g) {
              return gumbel(in[0].shape(), g, in[0].dtype());
            }));
  table.add("bernoulli", kExact,
            drawn([](const Tensors& in, const Options&, Generator& g) { return bernoulli(in[0], g); }));
  table.add("gamma", kDrawn,
            drawn([](const Tensors& in, const Options&, Generator& g) { return gamma(in[0], g); }));
  table.add("log_gamma", kDrawn,
            drawn([](const Tensors& in, const Options&, Generator& g) { return log_gamma(in[0], g); }));
  table.add("beta", kDrawn,
            drawn([](const Tensors& in, const Options&, Generator& g) { return beta(in[0], in[1], g); }));
  table.add("dirichlet", kDrawn,
            drawn([](const Tensors& in, const Options&, Generator& g) { return dirichlet(in[0], g); }));
  table.add("categorical_without_replacement", kExact,
            drawn([](const Tensors& in, const Options& opt, Generator& g) {
              return categorical_without_replacement(in[0], opt.integer("k"), g);
            }));
  table.add("gumbel_softmax", kDrawn, drawn([](const Tensors& in, const Options& opt, Generator& g) {
              return gumbel_softmax(in[0], opt.number("temperature"), g, opt.flag("hard"),
                                    opt.integer("axis"));
            }));
  table.add("randint", kExact, drawn([](const Tensors& in, const Options& opt, Generator& g) {
              return randint(in[0].shape(), opt.integer("low"), opt.integer("high"), g);
            }));
  table.add("randperm", kExact, drawn([](const Tensors& in, const Options&, Generator& g) {
              return randperm(in[0].size(0), g);
            }));
}

}  // namespace

void add_data_calls(OpTable& table) {
  add_index(table);
  add_order(table);
  add_placing(table);
  add_rotary(table);
  add_view(table);
  add_arrange(table);
  add_creation(table);
  add_optimizer(table);
  add_random(table);
  add_more_random(table);
}

}  // namespace roux::golden
