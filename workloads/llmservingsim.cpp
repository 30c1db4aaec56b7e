#include <memory>
#include <utility>
#include <vector>

#include "workloads/json_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// casys-kaist/LLMServingSim, workloads/: nanoseconds. Token ids are not read.
constexpr TraceNames llmservingsim_names{
    .names =
        {"arrival_time_ns", "input_toks", "output_toks", "session_id", {}, {}, {}, {}, {}, {}, {}},
    .time = nanoseconds_notation,
};

/// A line is a request, or a session: its `sub_requests` follow each other, each `tool_duration_ns`
/// of the one before after that one's end. Their times leave out how long the answers take.
class LlmServingSimReader final : public JsonTraceReader {
 public:
  LlmServingSimReader(LineReader lines, const TraceOptions& options, ErrorLog& errors)
      : JsonTraceReader(std::move(lines), llmservingsim_names, options, errors) {}

 private:
  Outcome read(TraceRow& row) override {
    while (next_turn_ == turns_.size()) {
      if (const auto outcome = next_line()) {
        return *outcome;
      }
      const JsonMember* const turns = find_member(json().members(), "sub_requests");
      if (turns == nullptr) {
        return build(json().members(), row);
      }
      next_turn_ = 0;
      since_first_ = 0;
      delay_ = SimTime::never();
      if (!json().split(*turns, turns_)) {
        turns_.clear();
        errors().add(json().problem_span(), "sub_requests: " + std::string(json().problem()));
        return Outcome::bad;
      }
    }
    return read_turn(row);
  }

  Outcome read_turn(TraceRow& row) {
    std::vector<JsonMember>& turn = turns_[next_turn_];
    ++next_turn_;
    const JsonMember* const tool = find_member(turn, "tool_duration_ns");
    const auto pause = tool == nullptr ? std::optional(SimTime{}) : span_of(*tool);
    for (const JsonMember& member : json().members()) {
      turn.push_back(member);  // session_id, arrival_time_ns
    }
    Outcome outcome = build(turn, row);
    if (outcome == Outcome::row) {
      row.delay = delay_;
      const JsonMember* const arrival = find_member(turn, "arrival_time_ns");
      const NamedField field{arrival->key, arrival->text, json().span(*arrival)};
      const auto time = builder().checks().placed(field, row.time.ps + since_first_);
      row.time = time.value_or(row.time);
      outcome = time && pause ? outcome : Outcome::bad;
    }
    delay_ = pause.value_or(SimTime{});
    since_first_ += delay_.ps;
    return outcome;
  }

  std::optional<SimTime> span_of(const JsonMember& member) {
    const NamedField field{member.key, member.text, json().span(member)};
    return builder().checks().span(field, nanoseconds_notation);
  }

  static const JsonMember* find_member(const std::vector<JsonMember>& members,
                                       std::string_view key) {
    for (const JsonMember& member : members) {
      if (member.key == key) {
        return &member;
      }
    }
    return nullptr;
  }

  std::vector<std::vector<JsonMember>> turns_;  // of the current line
  std::size_t next_turn_ = 0;
  Int128 since_first_ = 0;            // pauses so far, in ps
  SimTime delay_ = SimTime::never();  // before the next turn; never = it is the first
};

}  // namespace

bool recognises_llmservingsim(std::string_view head) {
  return recognises_json_trace(head, {"input_toks", "output_toks"}) ||
         recognises_json_trace(head, {"sub_requests"});
}

std::unique_ptr<TraceReader> open_llmservingsim(LineReader lines, const TraceOptions& options,
                                                ErrorLog& errors) {
  return std::make_unique<LlmServingSimReader>(std::move(lines), options, errors);
}

}  // namespace penstock
