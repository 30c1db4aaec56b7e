#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workloads/json_array.h"
#include "workloads/json_lines.h"
#include "workloads/limits.h"
#include "workloads/trace.h"
#include "workloads/trace_row.h"

namespace penstock {
namespace {

constexpr std::size_t most_conversation_bytes = std::size_t{16} << 20;
constexpr std::int64_t characters_per_token = 4;

/// Tokens of a text, by its characters: OpenAI's rule of thumb for English.
std::int64_t estimated_tokens(std::string_view text) {
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  });
  return (characters + characters_per_token - 1) / characters_per_token;
}

const JsonMember* find_key(const std::vector<JsonMember>& members, std::string_view key) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [key](const JsonMember& one) { return one.key == key; });
  return found == members.end() ? nullptr : &*found;
}

/// ShareGPT's JSON, an array of conversations or one a line: each answer is a request whose prompt
/// is everything said before it. The first one of a conversation has no time; each later one comes
/// as the one before is answered.
class ShareGptReader final : public TraceReader {
 public:
  ShareGptReader(LineReader text, ErrorLog& errors)
      : beginnings_(std::make_shared<JsonArrayLines::Beginnings>()),
        json_(LineReader(std::make_unique<JsonArrayLines>(std::move(text), beginnings_),
                         most_conversation_bytes)),
        errors_(errors) {}

  bool failed() const override { return failed_; }

  std::vector<std::string> notes() const override {
    return {
        "lengths are estimates, a token for every 4 characters: the file has texts, not "
        "tokens"};
  }

 private:
  Outcome read(TraceRow& row) override {
    while (true) {
      if (const auto outcome = read_answer(row)) {
        return *outcome;
      }
      if (!json_.next()) {
        if (!std::exchange(finished_, true)) {
          failed_ = report_unread_lines(json_.lines(), errors_);
        }
        return Outcome::end;
      }
      if (!open_conversation()) {
        return Outcome::bad;
      }
    }
  }

  /// Takes the messages of the next conversation.
  bool open_conversation() {
    ++conversations_;
    next_message_ = 0;
    context_ = 0;
    answers_ = 0;
    line_ = beginnings_->empty() ? line_ : beginnings_->front();
    if (!beginnings_->empty()) {
      beginnings_->pop_front();
    }
    if (!json_.problem().empty()) {
      return fail(std::string(json_.problem()));
    }
    const JsonMember* const talk = find_key(json_.members(), "conversations");
    if (talk == nullptr) {
      return fail("the object has no `conversations`");
    }
    if (!json_.split(*talk, messages_)) {
      return fail("conversations: " + std::string(json_.problem()));
    }
    // Numbers of our own: ids are not always there, and not always different.
    session_ = std::to_string(conversations_);
    return true;
  }

  /// Goes on to the next answer of the conversation; nothing if there is none any more.
  std::optional<Outcome> read_answer(TraceRow& row) {
    while (next_message_ < messages_.size()) {
      const std::vector<JsonMember>& message = messages_[next_message_++];
      const JsonMember* const from = find_key(message, "from");
      const JsonMember* const value = find_key(message, "value");
      if (from == nullptr || value == nullptr || value->kind != JsonMember::Kind::text) {
        fail("a message has no `from` and `value`");
        return Outcome::bad;
      }
      const std::int64_t tokens = estimated_tokens(value->text);
      const bool is_answer = from->text == "gpt" || from->text == "assistant" ||
                             from->text == "chatgpt" || from->text == "model";
      if (context_ + tokens > max_request_tokens) {
        fail("a conversation of more than " + grouped(max_request_tokens) + " tokens");
        return Outcome::bad;
      }
      const std::int64_t prompt = context_;
      context_ += tokens;
      if (is_answer) {
        fill(row, prompt, tokens);
        return Outcome::row;
      }
    }
    return std::nullopt;
  }

  void fill(TraceRow& row, std::int64_t prompt, std::int64_t answer) {
    row.input_tokens = prompt;
    row.output_tokens = answer;
    row.session = session_;
    row.delay = answers_ > 0 ? SimTime{} : SimTime::never();
    answers_ += prompt > 0 && answer > 0 ? 1 : 0;
    span_ = {conversations_, 0, prompt + answer};
    row.content = {&span_, 1};
  }

  /// Reports an error of the conversation, whose rest is left out.
  bool fail(std::string message) {
    messages_.clear();
    next_message_ = 0;
    errors_.add({{}, line_, 0, 0}, std::move(message));
    return false;
  }

  std::shared_ptr<JsonArrayLines::Beginnings> beginnings_;
  JsonLines json_;
  ErrorLog& errors_;
  std::vector<std::vector<JsonMember>> messages_;  // of the current conversation
  std::size_t next_message_ = 0;
  std::int64_t context_ = 0;  // tokens of the messages so far
  std::int64_t answers_ = 0;  // requests of the conversation so far
  std::uint64_t conversations_ = 0;
  long line_ = 0;  // at which the conversation begins
  std::string session_;
  ContentSpan span_;
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace

bool recognises_sharegpt(std::string_view head) {
  const std::size_t first = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && (head[first] == '[' || head[first] == '{') &&
         head.find("\"conversations\"") != std::string_view::npos;
}

std::unique_ptr<TraceReader> open_sharegpt(LineReader lines, const TraceOptions&,
                                           ErrorLog& errors) {
  return std::make_unique<ShareGptReader>(std::move(lines), errors);
}

}  // namespace penstock
