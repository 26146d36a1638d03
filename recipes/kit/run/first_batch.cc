#include "recipes/kit/run/first_batch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/text_table.h"
#include "recipes/kit/text/printable.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

absl::Status check_batch(const FirstBatch& batch) {
  const auto refuse = [](const std::string& what) {
    return absl::InvalidArgumentError("first batch: " + what);
  };
  const size_t count = batch.tokens.size();
  if (batch.columns < 1 || count == 0 || count % static_cast<size_t>(batch.columns) != 0) {
    return refuse(absl::StrCat(count, " tokens do not fill rows of ", batch.columns));
  }
  if (batch.loss_mask.size() != count) {
    return refuse(
        absl::StrCat("the loss mask has ", batch.loss_mask.size(), " entries for ", count, " tokens"));
  }
  if (std::none_of(batch.loss_mask.begin(), batch.loss_mask.end(), [](uint8_t m) { return m != 0; })) {
    return refuse("the loss mask is empty: no token of the batch would be trained on");
  }
  const auto place = [&](size_t i) {
    return absl::StrCat("row ", i / batch.columns, ", column ", i % batch.columns);
  };
  for (size_t i = 1; i < count; ++i) {
    const bool same_row = i % static_cast<size_t>(batch.columns) != 0;
    if (batch.bos && same_row && batch.tokens[i] == *batch.bos && batch.tokens[i - 1] == *batch.bos) {
      return refuse(absl::StrCat("BOS (token ", *batch.bos, ") twice in a row at ", place(i)));
    }
  }
  if (batch.stop) {
    size_t first = count;
    bool trained = false;
    for (size_t i = 0; i < count; ++i) {
      if (batch.tokens[i] != *batch.stop) continue;
      first = std::min(first, i);
      trained = trained || batch.loss_mask[i] != 0;
    }
    if (first < count && !trained) {
      return refuse(absl::StrCat("the stop token (", *batch.stop,
                                 ") is never a target, so the model would not learn ", "to stop; first at ",
                                 place(first)));
    }
  }
  return absl::OkStatus();
}

// Tokens of one mask state in a row are decoded together, so that characters split over tokens come out
// whole.
std::string render_row(const FirstBatch& batch, size_t row, bool colour) {
  const size_t begin = row * static_cast<size_t>(batch.columns);
  const size_t end = begin + static_cast<size_t>(std::min(batch.columns, batch.tokens_shown));
  std::string out;
  for (size_t i = begin; i < end;) {
    const bool target = batch.loss_mask[i] != 0;
    std::string bytes;
    for (; i < end && (batch.loss_mask[i] != 0) == target; ++i) bytes += batch.decode(batch.tokens[i]);
    const std::string text = printable(bytes);
    if (target) {
      out += text;
    } else if (colour) {
      absl::StrAppend(&out, "\x1b[2m", text, "\x1b[0m");
    } else {
      absl::StrAppend(&out, "[", text, "]");
    }
  }
  return end < begin + static_cast<size_t>(batch.columns) ? out + "..." : out;
}

}  // namespace

absl::StatusOr<std::string> render_first_batch(const FirstBatch& batch, bool colour) {
  ROUX_RETURN_IF_ERROR(check_batch(batch));
  const size_t rows = batch.tokens.size() / static_cast<size_t>(batch.columns);
  const auto targets =
      std::count_if(batch.loss_mask.begin(), batch.loss_mask.end(), [](uint8_t m) { return m != 0; });
  const std::string heading = absl::StrFormat(
      "First batch: %d rows of %d tokens, %d targets (%.1f%%); %s is not trained on", rows, batch.columns,
      targets, 100.0 * targets / batch.tokens.size(), colour ? "dimmed text" : "text in [brackets]");
  std::string out;
  for (const std::string& line : wrap_text(heading, kTextColumns)) absl::StrAppend(&out, line, "\n");
  for (size_t row = 0; row < std::min<size_t>(rows, static_cast<size_t>(batch.rows_shown)); ++row) {
    const std::string text = render_row(batch, row, colour);
    // Colour codes have no width, so coloured rows are left to the terminal to wrap.
    const std::vector<std::string> lines =
        colour ? std::vector<std::string>{text} : wrap_text(text, kTextColumns - 4);
    for (size_t line = 0; line < lines.size(); ++line) {
      absl::StrAppend(&out, line == 0 ? absl::StrFormat("%2d  ", row) : "    ", lines[line], "\n");
    }
  }
  return out;
}

}  // namespace roux::kit
