// For tests: the text of the Error that a call throws.
#ifndef ROUX_TENSOR_ERROR_OF_H_
#define ROUX_TENSOR_ERROR_OF_H_

#include <string>

#include "tensor/error.h"

namespace roux {

// "no error" when fn() returns. Other exceptions pass through and fail the test.
template <class Fn>
std::string error_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace roux

#endif  // ROUX_TENSOR_ERROR_OF_H_
