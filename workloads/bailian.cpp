#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "workloads/json_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// alibaba-edu/qwen-bailian-usagetraces-anon: seconds; each row names its parent chat (-1: none),
/// not its conversation. The files' names give the tokens of a block: 16.
constexpr TraceNames bailian_names{
    .names = {"timestamp",
              "input_length",
              "output_length",
              "chat_id",
              {},
              {},
              "type",
              {},
              {},
              "hash_ids",
              {}},
    .time = seconds_notation,
    .block_tokens = 16,
};

/// Follows parents to the chat that began the conversation: 16 bytes and more of memory a chat.
class BailianReader final : public JsonTraceReader {
 public:
  BailianReader(LineReader lines, const TraceOptions& options, ErrorLog& errors)
      : JsonTraceReader(std::move(lines), bailian_names, options, errors) {}

 private:
  Outcome read(TraceRow& row) override {
    const Outcome outcome = JsonTraceReader::read(row);
    if (outcome != Outcome::row) {
      return outcome;
    }
    const auto chat = chat_id("chat_id");
    const auto parent = chat_id("parent_chat_id");
    if (!chat || !parent) {
      return Outcome::bad;
    }
    std::int64_t root = *parent < 0 ? *chat : *parent;
    if (const auto known = root_.find(root); known != root_.end()) {
      root = known->second;
    }
    root_[*chat] = root;
    session_ = std::to_string(root);
    row.session = session_;
    return outcome;
  }

  std::optional<std::int64_t> chat_id(std::string_view key) {
    constexpr std::int64_t highest = 99'999'999'999'999;
    for (const JsonMember& member : json().members()) {
      if (member.key == key) {
        const NamedField field{key, member.text, json().span(member)};
        return builder().checks().whole(field, -1, highest, "a chat");
      }
    }
    errors().add(json().row_span(), "the row has no " + quoted(key));
    return std::nullopt;
  }

  std::unordered_map<std::int64_t, std::int64_t> root_;  // looked up only
  std::string session_;
};

}  // namespace

bool recognises_bailian(std::string_view head) {
  return recognises_json_trace(head, {"chat_id", "parent_chat_id", "input_length"});
}

std::unique_ptr<TraceReader> open_bailian(LineReader lines, const TraceOptions& options,
                                          ErrorLog& errors) {
  return std::make_unique<BailianReader>(std::move(lines), options, errors);
}

}  // namespace penstock
