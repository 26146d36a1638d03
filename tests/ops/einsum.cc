// Op-suite entries of einsum.
#include "tensor/ops/einsum.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// By one loop over the values of all letters: no contraction is planned. One letter for each axis, and "->".
Ref by_letters(const std::string& equation, const Refs& in) {
  const size_t arrow = equation.find("->");
  std::vector<std::string> terms(1);
  for (char c : equation.substr(0, arrow)) {
    if (c == ',') {
      terms.emplace_back();
    } else {
      terms.back() += c;
    }
  }
  const std::string output = equation.substr(arrow + 2);
  std::string letters;
  Shape sizes;
  for (size_t k = 0; k < terms.size(); ++k) {
    for (size_t axis = 0; axis < terms[k].size(); ++axis) {
      const size_t at = letters.find(terms[k][axis]);
      const int64_t size = in[k].shape[static_cast<int>(axis)];
      if (at == std::string::npos) {
        letters += terms[k][axis];
        sizes.push_back(size);
      } else if (size != 1) {
        sizes[static_cast<int>(at)] = size;
      }
    }
  }
  const auto index_of = [&](const std::string& term, const Dims& values, const Shape& shape) {
    Dims index;
    for (size_t axis = 0; axis < term.size(); ++axis) {
      const int64_t value = values[static_cast<int>(letters.find(term[axis]))];
      index.push_back(shape[static_cast<int>(axis)] == 1 ? 0 : value);
    }
    return index;
  };
  Shape shape;
  for (char c : output) shape.push_back(sizes[static_cast<int>(letters.find(c))]);
  Ref out(shape);
  for_each_index(sizes, [&](const Dims& values) {
    double product = 1;
    for (size_t k = 0; k < terms.size(); ++k) product *= in[k].at(index_of(terms[k], values, in[k].shape));
    out.at(index_of(output, values, shape)) += product;
  });
  return out;
}

// Without contraction there is no product that needs a kernel of matmul.
const auto on_devices = [](Suite& suite) { suite.devices(kFloating); };
// `letters`: the same equation without ellipsis, where that differs.
std::function<void(Suite&)> equation(const char* text, const char* letters = nullptr) {
  return [=](Suite& suite) {
    const std::string reference = letters ? letters : text;
    suite.call([=](const Tensors& in) { return Tensors{einsum(text, in)}; }).reference([=](const Refs& in) {
      return Refs{by_letters(reference, in)};
    });
  };
}
std::function<void(Suite&)> variant(const char* text, const char* letters = nullptr) {
  return
      [=](Suite& suite) { suite.with(equation(text, letters)).skip("errors", "the default entry has them"); };
}

OP_SUITE(einsum)
    .devices(kFloating)
    .with(equation("bhtd,bhsd->bhts"))
    .sample({{2, 3, 5, 4}, {2, 3, 7, 4}})
    .sample({{1, 3, 1, 9}, {1, 3, 2, 9}})
    .sample({{2, 3, 0, 4}, {2, 3, 7, 4}})
    .sample({{2, 3, 5, 0}, {2, 3, 7, 0}})
    .accumulates(0, 3)
    .error("einsum: equation \"ij\" has 1 terms, got 2 operands",
           [](Device d) {
             einsum("ij", {zeros({2, 3}, kF32, d), zeros({2, 3}, kF32, d)});
           })
    .error("term \"i.j\" is no list of letters with at most one \"...\"",
           [](Device d) {
             einsum("i.j", {zeros({2, 3}, kF32, d)});
           })
    .error("term \"ijk\" has 3 letters, operands[0] is f32[2,3]",
           [](Device d) {
             einsum("ijk->i", {zeros({2, 3}, kF32, d)});
           })
    .error("term \"i\" has 1 letters, operands[0] is f32[2,3]",
           [](Device d) {
             einsum("i", {zeros({2, 3}, kF32, d)});
           })
    .error("the output of \"ij->ik\" has 'k', which no term has",
           [](Device d) {
             einsum("ij->ik", {zeros({2, 3}, kF32, d)});
           })
    .error("the output of \"ij->ii\" has 'i' twice",
           [](Device d) {
             einsum("ij->ii", {zeros({2, 3}, kF32, d)});
           })
    .error("sizes of 'i' differ in f32[2,3]",
           [](Device d) {
             einsum("ii->i", {zeros({2, 3}, kF32, d)});
           })
    .error("sizes of 'j' differ: 3 and 4, needed equal ones or 1",
           [](Device d) {
             einsum("ij,jk", {zeros({2, 3}, kF32, d), zeros({4, 2}, kF32, d)});
           })
    .error("operands must have the same floating dtype: they are f32[2] and f64[2]",
           [](Device d) {
             einsum("i,i", {zeros({2}, kF32, d), zeros({2}, kF64, d)});
           })
    .error("needs at least one operand", [](Device) { einsum("i", absl::Span<const Tensor>()); });

OP_SUITE_VARIANT(einsum, ellipsis)
    .devices(kFloating)
    .with(variant("i...j, ...jk -> k...i", "iabj,abjk->kabi"))
    .tolerance(kF32, 1e-4)  // 2000 terms that cancel
    .sample({{3, 2, 5, 4}, {2, 5, 4, 7}})
    .sample({{1, 2, 0, 4}, {2, 0, 4, 7}});
// Sizes of 1 stretch, summed over and not; an ellipsis of different lengths.
OP_SUITE_VARIANT(einsum, stretched)
    .devices(kFloating)
    .with(variant("...ik,...kj->...ij", "abik,bkj->abij"))
    .tolerance(kF32, 1e-4)  // thousands of terms that cancel
    .sample({{3, 1, 5, 4}, {2, 4, 7}})
    .sample({{3, 2, 5, 1}, {1, 4, 7}})
    .sample({{0, 2, 1, 4}, {2, 4, 1}});
OP_SUITE_VARIANT(einsum, implicit)
    .devices(kFloating)
    .with(variant("cb,bad", "cb,bad->acd"))
    .sample({{3, 5}, {5, 2, 4}})
    .sample({{1, 9}, {9, 0, 4}});
// What one operand has alone is summed before the product; without common letters nothing is contracted.
OP_SUITE_VARIANT(einsum, sums)
    .with(variant("ijk,jl->j"))
    .with(on_devices)
    .sample({{2, 3, 4}, {3, 5}})
    .sample({{2, 1, 0}, {1, 5}});
OP_SUITE_VARIANT(einsum, outer)
    .with(variant("ai,bj->bija"))
    .with(on_devices)
    .sample({{2, 3}, {4, 5}})
    .sample({{1, 0}, {4, 5}});
OP_SUITE_VARIANT(einsum, diagonal)
    .with(variant("iij,jj->ij"))
    .with(on_devices)
    .sample({{3, 3, 5}, {5, 5}})
    .sample({{1, 1, 0}, {0, 0}});
OP_SUITE_VARIANT(einsum, trace)
    .with(variant("iiai->a"))
    .with(on_devices)
    .sample({{3, 3, 5, 3}})
    .sample({{1, 1, 0, 1}});
// Three operands from left to right, and the gradient of each.
OP_SUITE_VARIANT(einsum, three)
    .devices(kFloating)
    .with(variant("bi,ijk,bj->bk"))
    .sample({{2, 3}, {3, 4, 5}, {2, 4}})
    .sample({{1, 3}, {3, 0, 5}, {1, 0}});
OP_SUITE_VARIANT(einsum, transpose)
    .with(variant("abc->ca"))
    .with(on_devices)
    .sample({{2, 3, 5}})
    .sample({{1, 0, 4}});

}  // namespace
}  // namespace roux::testing
