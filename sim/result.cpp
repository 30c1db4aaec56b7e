#include "sim/result.h"

namespace penstock {

const char* to_string(TokenType type) {
  switch (type) {
    case TokenType::input:
      return "input";
    case TokenType::cached_input:
      return "cached_input";
    case TokenType::output:
      return "output";
  }
  return "";
}

const char* to_string(Cause cause) {
  switch (cause) {
    case Cause::weights:
      return "weights";
    case Cause::compute:
      return "compute";
    case Cause::attention_compute:
      return "attention_compute";
    case Cause::kv_read_prompt:
      return "kv_read_prompt";
    case Cause::kv_read_output:
      return "kv_read_output";
    case Cause::communication:
      return "communication";
    case Cause::overhead:
      return "overhead";
  }
  return "";
}

}  // namespace penstock
