#include "recipes/kit/models/gguf_file.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/text/gguf_reader.h"
#include "tensor/error.h"
#include "tensor/io/mapped_file.h"

namespace roux::kit {
namespace {

struct TypeRow {
  uint32_t id;  // ggml_type
  GgufType type;
};
constexpr std::optional<DType> kNone = std::nullopt;
constexpr TypeRow kTypes[] = {
    {0, {"F32", 1, 4, kF32}},          {1, {"F16", 1, 2, kF16}},          {2, {"Q4_0", 32, 18, kQ4_0}},
    {3, {"Q4_1", 32, 20, kQ4_1}},      {6, {"Q5_0", 32, 22, kQ5_0}},      {7, {"Q5_1", 32, 24, kQ5_1}},
    {8, {"Q8_0", 32, 34, kQ8_0}},      {9, {"Q8_1", 32, 40, kNone}},      {10, {"Q2_K", 256, 84, kNone}},
    {11, {"Q3_K", 256, 110, kNone}},   {12, {"Q4_K", 256, 144, kQ4_K}},   {13, {"Q5_K", 256, 176, kQ5_K}},
    {14, {"Q6_K", 256, 210, kQ6_K}},   {15, {"Q8_K", 256, 292, kNone}},   {16, {"IQ2_XXS", 256, 66, kNone}},
    {17, {"IQ2_XS", 256, 74, kNone}},  {18, {"IQ3_XXS", 256, 98, kNone}}, {19, {"IQ1_S", 256, 50, kNone}},
    {20, {"IQ4_NL", 32, 18, kNone}},   {21, {"IQ3_S", 256, 110, kNone}},  {22, {"IQ2_S", 256, 82, kNone}},
    {23, {"IQ4_XS", 256, 136, kNone}}, {24, {"I8", 1, 1, kNone}},         {25, {"I16", 1, 2, kNone}},
    {26, {"I32", 1, 4, kI32}},         {27, {"I64", 1, 8, kI64}},         {28, {"F64", 1, 8, kF64}},
    {29, {"IQ1_M", 256, 56, kNone}},   {30, {"BF16", 1, 2, kBF16}},       {34, {"TQ1_0", 256, 54, kNone}},
    {35, {"TQ2_0", 256, 66, kNone}},   {39, {"MXFP4", 32, 17, kNone}},    {40, {"NVFP4", 64, 36, kNone}},
    {41, {"Q1_0", 128, 18, kNone}}};

constexpr uint32_t kMaxAxes = 4;              // of the format
constexpr size_t kLeastInfo = 8 + 4 + 4 + 8;  // bytes of a tensor's description: name, axes, type, offset

// The description of a tensor; `begin` counts from the first data byte yet.
absl::StatusOr<GgufTensor> read_info(GgufReader* reader) {
  GgufTensor tensor;
  ROUX_ASSIGN_OR_RETURN(tensor.name, reader->text("a tensor's name"));
  const size_t start = reader->offset();
  const auto damaged = [&](const std::string& what) {
    return reader->error(start, absl::StrCat("tensor \"", tensor.name, "\": ", what));
  };
  ROUX_ASSIGN_OR_RETURN(const uint32_t axes, reader->plain<uint32_t>("a tensor's axes"));
  if (axes > kMaxAxes) return damaged(absl::StrCat(axes, " axes, expected at most ", kMaxAxes));
  std::vector<int64_t> sizes;
  for (uint32_t axis = 0; axis < axes; ++axis) {
    ROUX_ASSIGN_OR_RETURN(const uint64_t size, reader->plain<uint64_t>("a tensor's shape"));
    if (size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return damaged(absl::StrCat("an axis of ", size));
    sizes.push_back(static_cast<int64_t>(size));
  }
  ROUX_ASSIGN_OR_RETURN(const uint32_t id, reader->plain<uint32_t>("a tensor's type"));
  ROUX_ASSIGN_OR_RETURN(const uint64_t offset, reader->plain<uint64_t>("a tensor's offset"));
  const auto row =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeRow& r) { return r.id == id; });
  if (row == std::end(kTypes)) return damaged(absl::StrCat("type ", id, " is not known"));
  tensor.type = row->type;
  const int64_t values = sizes.empty() ? 1 : sizes[0];
  if (values % tensor.type.values != 0) {
    return damaged(absl::StrCat("rows of ", values, " values, ", tensor.type.name, " has blocks of ",
                                tensor.type.values));
  }
  for (size_t i = sizes.size(); i > 0; --i) tensor.shape.push_back(sizes[i - 1]);
  // Zero sizes are left out of the product, so that strides cannot overflow either.
  tensor.bytes = tensor.type.bytes;
  bool empty = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t count = i == 0 ? sizes[i] / tensor.type.values : sizes[i];
    empty |= count == 0;
    if (count != 0 && __builtin_mul_overflow(tensor.bytes, count, &tensor.bytes))
      return damaged("its shape needs more than 2^63 bytes");
  }
  if (empty) tensor.bytes = 0;
  if (offset > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return damaged(absl::StrCat("offset ", offset));
  tensor.begin = static_cast<int64_t>(offset);
  return tensor;
}

absl::StatusOr<int64_t> read_alignment(const GgufMetadata& metadata) {
  constexpr char kKey[] = "general.alignment";
  if (!metadata.has(kKey)) return 32;
  ROUX_ASSIGN_OR_RETURN(const int64_t alignment, metadata.integer(kKey));
  if (alignment < 8 || alignment > (int64_t{1} << 30) || alignment % 8 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(metadata.name(), ": ", kKey, " is ", alignment,
                                                   ", expected a multiple of 8 up to 2^30"));
  }
  return alignment;
}

// Moves `begin` behind the descriptions, and checks that all lies in the file and apart.
absl::Status place(GgufReader& reader, int64_t data_begin, int64_t alignment, int64_t size,
                   std::vector<GgufTensor>* tensors) {
  std::vector<const GgufTensor*> sorted;
  for (GgufTensor& tensor : *tensors) {
    const auto damaged = [&](const std::string& what) {
      return reader.error(static_cast<size_t>(data_begin),
                          absl::StrCat("tensor \"", tensor.name, "\": its data of ", tensor.bytes,
                                       " bytes begin at ", tensor.begin, " of the data", what));
    };
    if (tensor.begin % alignment != 0) return damaged(absl::StrCat(", no multiple of ", alignment));
    const int64_t room = size - data_begin;
    if (tensor.begin > room || tensor.bytes > room - tensor.begin)
      return damaged(absl::StrCat(", of which there are ", std::max<int64_t>(room, 0)));
    tensor.begin += data_begin;
    if (tensor.bytes > 0) sorted.push_back(&tensor);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const GgufTensor* a, const GgufTensor* b) { return a->begin < b->begin; });
  for (size_t i = 1; i < sorted.size(); ++i) {
    const GgufTensor &before = *sorted[i - 1], &tensor = *sorted[i];
    if (tensor.begin >= before.begin + before.bytes) continue;
    return reader.error(static_cast<size_t>(tensor.begin),
                        absl::StrCat("tensor \"", tensor.name, "\" begins inside of \"", before.name, "\""));
  }
  return absl::OkStatus();
}

constexpr char kCount[] = "split.count", kNumber[] = "split.no", kTensors[] = "split.tensors.count";
constexpr int64_t kMaxParts = 99999;  // that names of five digits count

// A number of five digits; -1 for anything else.
int64_t five_digits(absl::string_view text) {
  int64_t number = -1;
  const bool digits = text.size() == 5 && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  return digits && absl::SimpleAtoi(text, &number) ? number : -1;
}

absl::StatusOr<GgufFile> open_one(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(std::shared_ptr<MappedFile> file, MappedFile::open(path));
  const absl::string_view bytes = file->bytes();
  return GgufFile::parse({bytes.data(), bytes.size()}, std::move(file), path);
}

// Of how many parts the file is one; 1 without the key.
absl::StatusOr<int64_t> part_count(const GgufMetadata& metadata) {
  if (!metadata.has(kCount)) return 1;
  ROUX_ASSIGN_OR_RETURN(const int64_t count, metadata.integer(kCount));
  if (count >= 0 && count <= kMaxParts) return std::max<int64_t>(1, count);
  return absl::InvalidArgumentError(
      absl::StrCat(metadata.name(), ": ", kCount, " is ", count, ", expected 0 to ", kMaxParts));
}

}  // namespace

std::vector<std::string> gguf_parts(const std::string& path) {
  constexpr absl::string_view kEnd = ".gguf", kOf = "-of-";
  constexpr size_t kTail = 1 + 5 + kOf.size() + 5 + kEnd.size();  // "-00002-of-00003.gguf"
  if (path.size() <= kTail || !absl::EndsWith(path, kEnd)) return {path};
  const absl::string_view tail = absl::string_view(path).substr(path.size() - kTail);
  const int64_t number = five_digits(tail.substr(1, 5)), count = five_digits(tail.substr(6 + kOf.size(), 5));
  if (tail[0] != '-' || tail.substr(6, kOf.size()) != kOf || number < 1 || number > count) return {path};
  std::vector<std::string> parts;
  const std::string stem = path.substr(0, path.size() - kTail);
  for (int64_t i = 1; i <= count; ++i) {
    parts.push_back(absl::StrCat(stem, absl::StrFormat("-%05d-of-%05d.gguf", i, count)));
  }
  return parts;
}

absl::StatusOr<GgufFile> GgufFile::open(const std::string& path) {
  const std::vector<std::string> names = gguf_parts(path);
  ROUX_ASSIGN_OR_RETURN(GgufFile file, open_one(names[0]));
  ROUX_ASSIGN_OR_RETURN(const int64_t count, part_count(file.metadata_));
  const auto misfit = [&](const std::string& name, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
  };
  if (count != static_cast<int64_t>(names.size())) {
    return misfit(names[0], absl::StrCat("its keys say that it is one of ", count,
                                         " parts of a model, its name that it is one of ", names.size()));
  }
  for (size_t i = 0; count > 1 && i < names.size(); ++i) {
    absl::StatusOr<GgufFile> part = absl::UnknownError("");
    if (i > 0) {
      part = open_one(names[i]);
      if (!part.ok()) return part.status();
    }
    const GgufMetadata& keys = i > 0 ? part->metadata_ : file.metadata_;
    ROUX_ASSIGN_OR_RETURN(const int64_t of, part_count(keys));
    ROUX_ASSIGN_OR_RETURN(const int64_t number, keys.integer(kNumber));
    if (of != count || number != static_cast<int64_t>(i)) {
      return misfit(names[i], absl::StrCat(kNumber, " is ", number, " and ", kCount, " ", of, ", expected ",
                                           i, " and ", count));
    }
    if (i > 0) ROUX_RETURN_IF_ERROR(file.append(*std::move(part)));
  }
  if (count > 1 && file.metadata_.has(kTensors)) {
    ROUX_ASSIGN_OR_RETURN(const int64_t tensors, file.metadata_.integer(kTensors));
    if (tensors != static_cast<int64_t>(file.tensors_.size())) {
      return misfit(names[0],
                    absl::StrCat(kTensors, " is ", tensors, ", the parts have ", file.tensors_.size()));
    }
  }
  return file;
}

absl::Status GgufFile::append(GgufFile part) {
  for (GgufTensor& tensor : part.tensors_) {
    if (!index_.emplace(tensor.name, tensors_.size()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(part.path(), ": tensor \"", tensor.name, "\" is in an earlier part too"));
    }
    tensor.part = parts_.size();
    tensors_.push_back(std::move(tensor));
  }
  parts_.push_back(std::move(part.parts_[0]));
  return absl::OkStatus();
}

absl::StatusOr<GgufFile> GgufFile::parse(std::string_view bytes, std::shared_ptr<void> owner,
                                         const std::string& path) {
  ROUX_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % 8 == 0)
      << "GgufFile::parse: the bytes of " << path << " do not begin at a multiple of 8";
  ROUX_ASSIGN_OR_RETURN(GgufMetadata metadata, parse_gguf_metadata(bytes, path));
  GgufReader reader(bytes, path, metadata.end());
  const auto count = static_cast<uint64_t>(metadata.tensor_count());
  if (count > reader.left() / kLeastInfo) {
    return reader.error(
        8, absl::StrCat("the header claims ", count, " tensors, ", reader.left(), " bytes are left"));
  }
  std::vector<GgufTensor> tensors;
  absl::flat_hash_map<std::string, size_t> index;
  for (uint64_t i = 0; i < count; ++i) {
    const size_t start = reader.offset();
    ROUX_ASSIGN_OR_RETURN(GgufTensor tensor, read_info(&reader));
    if (!index.emplace(tensor.name, i).second)
      return reader.error(start, absl::StrCat("tensor \"", tensor.name, "\" comes twice"));
    tensors.push_back(std::move(tensor));
  }
  ROUX_ASSIGN_OR_RETURN(const int64_t alignment, read_alignment(metadata));
  const auto end = static_cast<int64_t>(reader.offset());
  const int64_t data_begin = (end + alignment - 1) / alignment * alignment;
  ROUX_RETURN_IF_ERROR(place(reader, data_begin, alignment, static_cast<int64_t>(bytes.size()), &tensors));
  return GgufFile(std::move(metadata), std::move(tensors), std::move(index),
                  {bytes.data(), std::move(owner)});
}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto found = index_.find(absl::string_view(name.data(), name.size()));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

absl::StatusOr<Tensor> GgufFile::load(const GgufTensor& tensor) const {
  if (!tensor.type.dtype) {
    return absl::UnimplementedError(absl::StrCat(path(), ": tensor \"", tensor.name, "\" has type ",
                                                 tensor.type.name, ", which cannot be read"));
  }
  TensorSpec spec{*tensor.type.dtype, tensor.shape};
  if (is_block(spec.dtype)) spec.shape[spec.shape.rank() - 1] /= tensor.type.values;
  if (tensor.bytes == 0) return from_memory(nullptr, spec, nullptr);
  const Part& part = parts_[tensor.part];
  char* data = const_cast<char*>(part.data) + tensor.begin;  // the owner's memory is writable by contract
  return from_memory(data, spec, part.owner);
}

}  // namespace roux::kit
