// Module: a tree of named parameters and buffers. Names are those of Hugging Face checkpoints, joined with
// ".".
//
//   class Linear final : public ModuleOf<Linear> {
//    public:
//     Linear(int64_t in, int64_t out, const Init& init) { register_parameter("weight", &weight_, ...); }
//     Tensor forward(const Tensor& x) const { return linear(x, weight_); }
//     std::string pretty_print() const override { return "Linear 128 -> 64"; }
//
//    private:
//     Tensor weight_;
//   };
//   Tensor y = layer(x);   // calls forward; an Error on the way gets a line "in model.layers.0.mlp (...)"
//
// Submodules and tensors are members; registering only names them, so a module is not moved. A member tensor
// is a slot: nn/weights.h puts other tensors there, so forward reads the member each time and nobody keeps a
// copy of it. A module belongs to one thread.
#ifndef ROUX_NN_MODULE_H_
#define ROUX_NN_MODULE_H_

#include <cstdint>
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
  int64_t num_parameters() const;  // values
  // Parameters and persistent buffers, tied ones once; the tensors share memory with the module's own.
  NamedTensors state_dict() const;
  // load() of nn/weights.h: the values of all of these, and of no others. On error nothing is changed.
  absl::Status load_state_dict(const NamedTensors& state);

  // A member of this module or of one below it that holds a parameter or a persistent buffer.
  struct Slot {
    std::string name;
    Tensor* tensor;
    bool parameter;
  };
  // In the order of state_dict(), tied tensors under each of their names. For nn/weights.h.
  std::vector<Slot> slots() const;
  // All modules below this one with their paths from here, depth first. For nn/lora.h.
  std::vector<std::pair<std::string, Module*>> modules() const;

  void train(bool training = true);  // for this module and all below it; modules start in training mode
  void eval() { train(false); }
  bool training() const { return training_; }
  void zero_grad();

  virtual std::string pretty_print() const = 0;  // one line: type and sizes
  std::string path() const;                      // "model.layers.3.mlp"; "" for a root
  std::string tree() const;                      // one line per module, indented

 protected:
  // Puts value into *slot, a member of this module, under a name that is unique in it and contains no dot; a
  // parameter's value is marked as requiring grad. Tied weights: the same value in two slots.
  void register_parameter(const std::string& name, Tensor* slot, Tensor value);
  void register_buffer(const std::string& name, Tensor* slot, Tensor value, bool persistent = true);
  // `name` may not contain a dot; the child must outlive this module's use.
  void register_module(const std::string& name, Module& child);
  void unregister_module(const std::string& name);
  // Throws Error for a name that is empty, has a dot or is taken.
  void check_name(const std::string& name) const;
  std::string context() const;  // "model.layers.3.mlp (MLP ...)" for error messages

 private:
  struct Entry {
    std::string name;
    Tensor* slot;
    bool parameter, persistent;
  };
  void collect(const std::string& prefix, std::vector<Slot>* slots) const;

  std::string name_;
  Module* parent_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

// Gives Derived an operator() that calls its forward and adds the module's path to an Error.
template <class Derived, class Base = Module>
class ModuleOf : public Base {
 public:
  template <class... Args>
  auto operator()(Args&&... args) const {
    try {
      return static_cast<const Derived*>(this)->forward(std::forward<Args>(args)...);
    } catch (Error& error) {
      error.add_context(this->context());
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
