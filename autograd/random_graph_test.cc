// The engine against a naive one: random graphs, in which tensors are used many times, through views and
// broadcasting, and in which what comes from above serves several outputs. The naive engine computes with
// plain vectors, keeps every contribution and adds them up into new memory.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/philox.h"

namespace roux {
namespace {

using Vector = std::vector<double>;
constexpr int64_t kRows = 3, kColumns = 4;  // of every tensor but rows, which have kColumns elements
constexpr size_t kSize = kRows * kColumns;

class Draws {
 public:
  explicit Draws(uint64_t seed) : seed_(seed) {}
  double uniform() { return philox_uniform(philox(seed_, 0, next_++).word[0]); }
  size_t below(size_t n) { return philox(seed_, 0, next_++).word[0] % n; }

 private:
  uint64_t seed_, next_ = 0;
};

// A value of the naive engine: a full matrix; `back` gives the contribution to each parent.
struct Node {
  Vector value;
  std::vector<size_t> parents;
  std::function<std::vector<Vector>(const Vector& from_above)> back;
};

Vector map2(const Vector& a, const Vector& b, double (*fn)(double, double)) {
  Vector out(a.size());
  for (size_t i = 0; i < a.size(); ++i) out[i] = fn(a[i], b[i]);
  return out;
}
double times(double a, double b) { return a * b; }
double plus(double a, double b) { return a + b; }
double minus(double a, double b) { return a - b; }

// Element (i, j) of out is element (i + rows, j + columns), cyclically.
Vector rolled(const Vector& x, int64_t rows) {
  Vector out(kSize);
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < kColumns; ++j)
      out[static_cast<size_t>(i * kColumns + j)] = x[static_cast<size_t>((i + rows) % kRows * kColumns + j)];
  }
  return out;
}
// Row 0 in all rows, and the sum of all rows in row 0 (its transpose).
Vector first_row(const Vector& x) {
  Vector out(kSize);
  for (size_t i = 0; i < kSize; ++i) out[i] = x[i % kColumns];
  return out;
}
Vector into_first_row(const Vector& x) {
  Vector out(kSize, 0);
  for (size_t i = 0; i < kSize; ++i) out[i % kColumns] += x[i];
  return out;
}
Vector column_sums(const Vector& x) { return first_row(into_first_row(x)); }

struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;

  void add(Tensor t, Node n) {
    tensors.push_back(std::move(t));
    nodes.push_back(std::move(n));
  }

  void grow(Draws& random) {
    const size_t a = random.below(nodes.size());
    const size_t b = random.below(4) == 0 ? a : random.below(nodes.size());
    const Tensor x = tensors[a], y = tensors[b];
    const Vector u = nodes[a].value, v = nodes[b].value;
    switch (random.below(8)) {
      case 0:
        return add(x + y, {map2(u, v, plus), {a, b}, [](const Vector& g) {
                             return std::vector<Vector>{g, g};
                           }});
      case 1:
        return add(x - y, {map2(u, v, minus), {a, b}, [](const Vector& g) {
                             Vector negative = g;
                             for (double& value : negative) value = -value;
                             return std::vector<Vector>{g, negative};
                           }});
      case 2:
        return add(x * y, {map2(u, v, times), {a, b}, [u, v](const Vector& g) {
                             return std::vector<Vector>{map2(g, v, times), map2(g, u, times)};
                           }});
      case 3: {
        Vector value(kSize);
        for (size_t i = 0; i < kSize; ++i) value[i] = std::tanh(u[i]);
        return add(tanh(x), {value, {a}, [value](const Vector& g) {
                               Vector out(kSize);
                               for (size_t i = 0; i < kSize; ++i) out[i] = g[i] * (1 - value[i] * value[i]);
                               return std::vector<Vector>{out};
                             }});
      }
      case 4:  // two transposes
        return add(contiguous(x.transpose(0, 1)).transpose(0, 1),
                   {u, {a}, [](const Vector& g) { return std::vector<Vector>{g}; }});
      case 5: {  // slices of one tensor, put together in another order
        const Tensor head = x.slice(0, 0, 1), tail = x.slice(0, 1, kRows);
        const Tensor zero = zeros({kRows, kColumns}, kF64);
        // tail above head, by sums of broadcast pieces: rows {1, 2, 0}
        const Tensor pick = tensor(Vector{0, 0, 1}, {kRows, 1}).to(kF64);
        const Tensor up = tensor(Vector{1, 0, 0}, {kRows, 1}).to(kF64),
                     middle = tensor(Vector{0, 1, 0}, {kRows, 1}).to(kF64);
        return add(zero + head * pick + tail.slice(0, 0, 1) * up + tail.slice(0, 1, 2) * middle,
                   {rolled(u, 1), {a}, [](const Vector& g) { return std::vector<Vector>{rolled(g, 2)}; }});
      }
      case 6:  // an expanded view
        return add(
            x.slice(0, 0, 1).expand({kRows, kColumns}),
            {first_row(u), {a}, [](const Vector& g) { return std::vector<Vector>{into_first_row(g)}; }});
      default: {
        const Tensor sums = sum(x, 0, true).expand({kRows, kColumns}) * 0.3;
        Vector value = column_sums(u);
        for (double& s : value) s *= 0.3;
        return add(sums, {value, {a}, [](const Vector& g) {
                            Vector out = column_sums(g);
                            for (double& s : out) s *= 0.3;
                            return std::vector<Vector>{out};
                          }});
      }
    }
  }

  // Sums of all contributions to each node, from the last to the first.
  std::vector<Vector> naive(const std::vector<size_t>& outputs, const std::vector<Vector>& weights) const {
    std::vector<Vector> totals(nodes.size(), Vector(kSize, 0));
    for (size_t i = 0; i < outputs.size(); ++i)
      totals[outputs[i]] = map2(totals[outputs[i]], weights[i], plus);
    for (size_t i = nodes.size(); i-- > 0;) {
      if (!nodes[i].back) continue;
      const std::vector<Vector> parts = nodes[i].back(totals[i]);
      for (size_t p = 0; p < parts.size(); ++p) {
        Vector& total = totals[nodes[i].parents[p]];
        total = map2(total, parts[p], plus);
      }
    }
    return totals;
  }
};

Vector draw(Draws& random) {
  Vector out(kSize);
  for (double& value : out) value = 2 * random.uniform() - 1;
  return out;
}

void expect_near(const Tensor& got, const Vector& expected, const std::string& what) {
  ASSERT_TRUE(got.defined()) << what;
  const Vector values = got.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size()) << what;
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], expected[i], 1e-9 * (1 + std::fabs(expected[i]))) << what << " element " << i;
}

TEST(RandomGraphs, GradientsOfLeavesAndIntermediatesAreTheNaiveOnes) {
  const Shape shape{kRows, kColumns};
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Draws random(seed);
    Graph graph;
    std::vector<Vector> leaf_values;
    for (int leaf = 0; leaf < 3; ++leaf) {
      leaf_values.push_back(draw(random));
      Tensor t = tensor(leaf_values.back(), shape);
      t.set_requires_grad(true);
      graph.add(t, {leaf_values.back(), {}, nullptr});
    }
    for (int i = 0; i < 12; ++i) graph.grow(random);

    // One tensor from above for all outputs, which are the last nodes and one of them twice.
    const Vector above = draw(random);
    const Tensor weight = tensor(above, shape);
    const size_t last = graph.nodes.size() - 1;
    const std::vector<size_t> numbers = {last, last - 1, last, last - 2};
    std::vector<Tensor> outputs, inputs = graph.tensors;
    for (size_t number : numbers) outputs.push_back(graph.tensors[number]);
    const std::vector<Vector> expected = graph.naive(numbers, {above, above, above, above});

    std::vector<Vector> values;
    for (const Tensor& t : graph.tensors) values.push_back(t.to_vector<double>());
    for (bool create_graph : {false, true}) {
      const std::vector<Tensor> got = grad(outputs, inputs,
                                           {.grad_outputs = {weight, weight, weight, weight},
                                            .retain_graph = true,
                                            .create_graph = create_graph,
                                            .allow_unused = true});
      for (size_t i = 0; i < got.size(); ++i) {
        const std::string what = absl::StrCat("seed ", seed, ", node ", i, create_graph ? ", recorded" : "");
        if (got[i].defined()) {
          expect_near(got[i], expected[i], what);
        } else {
          for (double value : expected[i]) ASSERT_EQ(value, 0) << what;
        }
      }
    }
    ASSERT_EQ(weight.to_vector<double>(), above) << "backward wrote into what came from above, seed " << seed;
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(graph.tensors[i].to_vector<double>(), values[i]) << "node " << i << ", seed " << seed;

    // backward() twice adds to grad(), and the tensor from above and a grad() that the caller holds stay.
    for (int leaf = 0; leaf < 3; ++leaf) graph.tensors[static_cast<size_t>(leaf)].set_grad(Tensor());
    backward(graph.tensors[last], {.grad_output = weight, .retain_graph = true});
    backward(graph.tensors[last - 1], {.grad_output = weight, .retain_graph = true});
    const std::vector<Vector> both = graph.naive({last, last - 1}, {above, above});
    for (size_t leaf = 0; leaf < 3; ++leaf) {
      if (graph.tensors[leaf].grad().defined())
        expect_near(graph.tensors[leaf].grad(), both[leaf], absl::StrCat("seed ", seed, ", leaf ", leaf));
    }
    ASSERT_EQ(weight.to_vector<double>(), above) << "backward wrote into what came from above, seed " << seed;
  }
}

}  // namespace
}  // namespace roux
