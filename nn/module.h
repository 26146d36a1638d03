// Module: a tree of named parameters and buffers. Names are those of Hugging Face checkpoints, joined with
// ".".
//
//   class Linear final : public ModuleOf<Linear> {
//    public:
//     Linear(int64_t in, int64_t out, const Init& init) { weight_ = register_parameter("weight", ...); }
//     Tensor forward(const Tensor& x) const { return linear(x, weight_); }
//     std::string pretty_print() const override { return "Linear 128 -> 64"; }
//   };
//   Tensor y = layer(x);   // calls forward; an Error on the way gets a line "in model.layers.0.mlp (...)"
//
// Submodules are members; register_module only names them, so a module must not be moved after construction.
// A module belongs to one thread.
#ifndef ROUX_NN_MODULE_H_
#define ROUX_NN_MODULE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux {

class Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  // Parameters of this module and of all below it, depth first in order of registration. A parameter that is
  // registered in two places (tied weights) is listed once, under its first name.
  NamedTensors named_parameters() const;
  std::vector<Tensor> parameters() const;
  int64_t num_parameters() const;  // elements
  // Parameters and persistent buffers; the tensors share memory with the module's own.
  NamedTensors state_dict() const;
  // Copies values into the parameters and buffers (cast to their dtype). Error naming the key when one is
  // missing or unknown or its shape differs; then nothing is changed. A tied parameter may be given under
  // either name.
  absl::Status load_state_dict(const NamedTensors& state);

  void train(bool training = true);  // for this module and all below it; modules start in training mode
  void eval() { train(false); }
  bool training() const { return training_; }
  void zero_grad();

  virtual std::string pretty_print() const = 0;  // one line: type and sizes
  std::string path() const;                      // "model.layers.3.mlp"; "" for a root
  std::string tree() const;                      // one line per module, indented

 protected:
  // Marks value as requiring grad, names it, and returns it. Names are unique in a module and contain no dot.
  Tensor register_parameter(const std::string& name, Tensor value);
  Tensor register_buffer(const std::string& name, Tensor value, bool persistent = true);
  // `name` may not contain a dot; the child must outlive this module's use.
  void register_module(const std::string& name, Module& child);
  std::string context() const;  // "model.layers.3.mlp (MLP ...)" for error messages

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
    bool parameter, persistent;
  };
  void check_name(const std::string& name) const;
  void collect(const std::string& prefix, NamedTensors* parameters, NamedTensors* all) const;

  std::string name_;
  Module* parent_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

// Gives Derived an operator() that calls its forward and adds the module's path to an Error.
template <class Derived>
class ModuleOf : public Module {
 public:
  template <class... Args>
  auto operator()(Args&&... args) const {
    try {
      return static_cast<const Derived*>(this)->forward(std::forward<Args>(args)...);
    } catch (Error& error) {
      error.add_context(context());
      throw;
    }
  }
};

// Numbered modules of one type: "layers.0", "layers.1", ...
template <class M>
class ModuleList final : public Module {
 public:
  template <class Make>  // std::unique_ptr<M> make(int64_t i)
  ModuleList(int64_t count, const Make& make) {
    for (int64_t i = 0; i < count; ++i) {
      items_.push_back(make(i));
      register_module(std::to_string(i), *items_.back());
    }
  }
  size_t size() const { return items_.size(); }
  M& operator[](size_t i) const { return *items_[i]; }
  std::string pretty_print() const override { return "ModuleList of " + std::to_string(items_.size()); }

 private:
  std::vector<std::unique_ptr<M>> items_;
};

// How parameters come to be: normal weights of this standard deviation from the generator, zero biases, in
// this dtype on this device. On meta nothing is drawn, and without a generator all weights are 0 (others will
// be loaded).
struct Init {
  Generator* generator;
  double std = 0.02;
  DType dtype = kF32;
  Device device = kCpu;
};
Tensor init_normal(const Shape& shape, const Init& init);

}  // namespace roux

#endif  // ROUX_NN_MODULE_H_
