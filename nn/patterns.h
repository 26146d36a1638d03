// Patterns: globs over whole names, "model.layers.3.self_attn.q_proj.weight".
//
//   *       any text, dots too          {q,v}    one of these, which may hold patterns again
//   ?       one character               {4..7}   one of these numbers
//
//   freeze(model, {"model.embed_tokens.weight", "model.layers.{0..3}.*"});
#ifndef ROUX_NN_PATTERNS_H_
#define ROUX_NN_PATTERNS_H_

#include <string>
#include <vector>

namespace roux {

using Patterns = std::vector<std::string>;

// Whether one of the patterns is the whole of name. Throws Error for a pattern whose braces do not close, or
// with a range that is none.
bool matches(const Patterns& which, const std::string& name);

// Whether one of the patterns matches, for each name. Throws Error, beginning with `op`, for a pattern that
// matches none of them: it would do nothing, in silence.
std::vector<bool> matching(const char* op, const Patterns& which, const std::vector<std::string>& names);

}  // namespace roux

#endif  // ROUX_NN_PATTERNS_H_
