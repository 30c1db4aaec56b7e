#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/workload_text.h"
#include "workloads/named_columns.h"
#include "workloads/trace.h"

/// Every format, as it is found in the wild, and its quirks.
namespace penstock {
namespace {

using test::trace_errors;
using Texts = std::vector<std::string>;

std::string in_words(const TraceRow& row) {
  std::string text = fmt::format("{}>{}", row.input_tokens, row.output_tokens);
  text += row.has_time ? fmt::format(" @{}", row.time.seconds()) : "";
  text += row.delay == SimTime::never() ? "" : fmt::format(" +{}", row.delay.seconds());
  text += row.session.empty() ? "" : fmt::format(" session {}", row.session);
  text += row.tenant.empty() ? "" : fmt::format(" class {}", row.tenant);
  text += row.priority == 0 ? "" : fmt::format(" priority {}", row.priority);
  if (row.prefix_tokens > 0) {
    text += fmt::format(" prefix {}:{}", row.prefix_group, row.prefix_tokens);
  }
  text += row.turn < 0 ? "" : fmt::format(" turn {}", row.turn);
  for (const ContentSpan& span : row.content) {
    text += fmt::format(" {}:{}+{}", span.stream, span.first, span.tokens);
  }
  for (std::size_t i = 0; i < row.blocks.size(); ++i) {
    text += i == 0 ? fmt::format(" {}x", row.block_tokens) : ",";
    text += std::to_string(row.blocks[i]);
  }
  return text;
}

/// The rows of a trace of this format, which must be recognised; no errors.
Texts rows_as(std::string_view format, std::string_view text, std::int64_t block_tokens = 0) {
  ErrorLog errors("t");
  TraceOptions options;
  options.block_tokens = block_tokens;
  const OpenedTrace opened = open_trace(LineReader(text), options, errors);
  Texts rows;
  TraceRow row;
  while (opened.reader != nullptr && opened.reader->next(row)) {
    rows.push_back(in_words(row));
  }
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  CHECK((opened.format == nullptr ? "" : opened.format->name) == format);
  return rows;
}

}  // namespace

TEST_CASE("vidur: with times, and lengths only, floats as Python prints them") {
  CHECK(rows_as("vidur",
                "arrived_at,num_prefill_tokens,num_decode_tokens\r\n0.0,374,44\r\n"
                "5.892655,91,16\r\n11.836632999999999,369,74") ==
        Texts{"374>44 @0", "91>16 @5.892655", "369>74 @11.836633"});
  CHECK(rows_as("vidur",
                "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n"
                "74,918,992,0.0806100217864923\n") == Texts{"74>918"});
  CHECK(trace_errors("arrived_at,num_prefill_tokens,num_decode_tokens\n,1,1\nnow,1,1\n1e,1,1\n") ==
        Texts{"t.csv:2:1+0: arrived_at is empty",
              "t.csv:3:1+3: arrived_at `now` cannot be read (no number)",
              "t.csv:4:1+2: arrived_at `1e` cannot be read (no number)"});
}

TEST_CASE("splitwise-sim: a row is a request") {
  CHECK(rows_as("splitwise-sim",
                "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,"
                "token_size\n0,2,0,1,1,4096,32\n1,2,7,3.5,1,2048,8\n") ==
        Texts{"4096>32 @0 class 0", "2048>8 @2.5 class 7"});
}

TEST_CASE("burstgpt: 6 columns or 8, any start, failed requests left out, blank sessions") {
  CHECK(rows_as("burstgpt",
                "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,0,1087,API log\n"
                "118,GPT-4,417,276,693,Conversation log\n") ==
        Texts{"472>18 @0 class ChatGPT", "417>276 @113 class GPT-4"});
  CHECK(
      rows_as("burstgpt",
              "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,"
              "Total tokens,Log Type\n19440110.0,1722ac82,43,GPT-4,906,446,1352,Conversation log\n"
              "19440161.0,,2,ChatGPT,36,29,65,API log\n") ==
      Texts{"906>446 @0 session 1722ac82 class GPT-4", "36>29 @51 class ChatGPT"});
}

TEST_CASE("inference-sim: microseconds, input_tokens without the shared prefix") {
  const std::string header =
      "request_id,slo_class,vllm_priority,session_id,prefix_group,prefix_length,input_tokens,"
      "output_tokens,arrival_time_us,status\n";
  CHECK(rows_as("inference-sim", header + "0,batch,2,s1,,0,100,7,1000000,ok\n"
                                          "1,,,,sys,50,100,7,1500001,ok\n") ==
        Texts{"100>7 @0 session s1 class batch priority 2", "150>7 @0.500001 prefix sys:50"});
  CHECK(trace_errors(header + "0,,x,,a,9999999,2,7,0,ok\n0,,x,,a,2,2,7,0,ok\n") ==
        Texts{"t.csv:2:4+1: vllm_priority `x` is not a priority: a whole number from -1000000 to "
              "1000000",
              "t.csv:2:9+7: prefix_length `9999999` does not go with an input of 10,000,001 tokens",
              "t.csv:3:4+1: vllm_priority `x` is not a priority: a whole number from -1000000 to "
              "1000000"});
}

TEST_CASE("csv: our own columns, in any order, as many as there are, and requests.csv of a run") {
  CHECK(rows_as("csv", "output_tokens,input_tokens\n5,10\n") == Texts{"10>5"});
  CHECK(rows_as("csv",
                "arrival_s,input_tokens,output_tokens,session_id,delay_s,priority,class,"
                "prefix_group,prefix_tokens,block_tokens,hash_ids\n"
                "1,40,5,a,,3,chat,sys,20,16,7 8 9\n2.5,40,5,a,0.25,,,,,,\n") ==
        Texts{"40>5 @0 session a class chat priority 3 prefix sys:20 16x7,8,9",
              "40>5 @1.5 +0.25 session a"});
  CHECK(rows_as("csv",
                "id,class,replica,arrival_s,first_scheduled_s,first_token_s,finish_s,input_tokens,"
                "cached_tokens,output_tokens,preemptions,status,cost_usd\n"
                "0,chat,1,0.5,0.5,1,2,100,0,7,0,completed,0.01\n") == Texts{"100>7 @0 class chat"});
  CHECK(trace_errors("input_tokens,output_tokens,hash_ids\n1,1,3\n") ==
        Texts{"t.csv:2:5+1: hash_ids without the number of tokens in a block"});
  CHECK(trace_errors("input_tokens,output_tokens,hash_ids,block_tokens\n1,1,3 x,4\n1,1,3,0\n"
                     "1,1,\"3,\",4\n1,1,18446744073709551616,4\n") ==
        Texts{"t.csv:2:5+3: hash_ids holds `x` where an id from 0 to 2^64 - 1 should be",
              "t.csv:3:7+1: block_tokens `0` is not a number of tokens: a whole number from 1 to "
              "1048576",
              "t.csv:4:5+4: hash_ids holds `` where an id from 0 to 2^64 - 1 should be",
              "t.csv:5:5+20: hash_ids holds `18446744073709551616` where an id from 0 to 2^64 - 1 "
              "should be"});
}

TEST_CASE("mooncake: milliseconds, blocks of 512 tokens or what the user says") {
  const std::string row =
      R"({"timestamp": 3000, "input_length": 600, "output_length": 5, "hash_ids": [0, 46]})";
  const std::string next =
      R"({"hash_ids":[],"output_length":1,"input_length":2,"timestamp":3000.5})";
  CHECK(rows_as("mooncake", row + "\r\n \n" + next) == Texts{"600>5 @0 512x0,46", "2>1 @0.0005"});
  CHECK(rows_as("mooncake", row, 64) == Texts{"600>5 @0 64x0,46"});
}

TEST_CASE("mooncake: turns of AIPerf's sessions come a delay after the turn before") {
  CHECK(rows_as("mooncake",
                R"({"session_id": "a", "timestamp": 1000, "input_length": 10, "output_length": 5}
{"session_id": "b", "timestamp": 1500, "input_length": 11, "output_length": 5}
{"session_id": "a", "delay": 4000, "input_length": 12, "output_length": 5}
{"session_id": "a", "delay": 250.5, "input_length": 13, "output_length": 5, "priority": -1}
{"session_id": "b", "timestamp": null, "input_length": 14, "output_length": 5}
)") == Texts{"10>5 @0 session a", "11>5 @0.5 session b", "12>5 @4 +4 session a",
             "13>5 @4.2505 +0.2505 session a priority -1", "14>5 @0.5 session b"});
  CHECK(rows_as("mooncake", R"({"session_id": 7, "input_length": 10, "output_length": 5}
{"session_id": 7, "delay": 10, "input_length": 10, "output_length": 5})") ==
        Texts{"10>5 session 7", "10>5 +0.01 session 7"});
  CHECK(trace_errors(R"({"timestamp": 0, "input_length": 10, "output_length": 5}
{"session_id": "a", "input_length": 10, "output_length": 5}
{"timestamp": 5, "delay": -1, "input_length": 10, "output_length": 5})") ==
        Texts{"t.csv:2:1+59: the row has no time, and the first row has one",
              "t.csv:3:27+2: delay `-1` is no time from 0 to 100 days"});
}

TEST_CASE("bailian: seconds, blocks of 16 tokens, conversations by their first chat") {
  CHECK(rows_as("bailian",
                R"({"chat_id": 159, "parent_chat_id": -1, "timestamp": 61.114, "input_length": 20,)"
                R"( "output_length": 132, "type": "text", "turn": 1, "hash_ids": [1089, 1090]}
{"chat_id": 160, "parent_chat_id": 159, "timestamp": 62, "input_length": 9, "output_length": 1}
{"chat_id": 161, "parent_chat_id": 160, "timestamp": 63, "input_length": 9, "output_length": 1}
{"chat_id": 170, "parent_chat_id": 99, "timestamp": 63, "input_length": 9, "output_length": 1}
)") == Texts{"20>132 @0 session 159 class text 16x1089,1090", "9>1 @0.886 session 159",
             "9>1 @1.886 session 159", "9>1 @1.886 session 99"});
  CHECK(trace_errors(R"({"chat_id": 1, "parent_chat_id": "x", "timestamp": 0, "input_length": 9,)"
                     R"( "output_length": 1})") ==
        Texts{"t.csv:1:34+3: parent_chat_id `x` is not a chat: a whole number from -1 to "
              "99999999999999"});
}

TEST_CASE("llmservingsim: nanoseconds, token ids are not read") {
  CHECK(rows_as("llmservingsim",
                R"({"input_toks":10,"output_toks":70,"arrival_time_ns":46926808,"input_tok_ids":[1]}
{"input_toks":22,"output_toks":104,"arrival_time_ns":347938952}
)") == Texts{"10>70 @0", "22>104 @0.301012144"});
}

TEST_CASE("llmservingsim: a session's calls follow each other after its tools") {
  CHECK(rows_as("llmservingsim",
                R"({"session_id": "s", "arrival_time_ns": 5, "sub_requests": [)"
                R"({"input_toks": 10, "output_toks": 7, "tool_duration_ns": 2000000000}, )"
                R"({"input_toks": 0, "output_toks": 7, "tool_duration_ns": 1000000000}, )"
                R"({"input_toks": 30, "output_toks": 9, "tool_duration_ns": 0}]}
{"input_toks": 1, "output_toks": 2, "arrival_time_ns": 1000000005}
{"session_id": "t", "arrival_time_ns": 2000000005, "sub_requests": []}
)") == Texts{"10>7 @0 session s", "30>9 @3 +1 session s", "1>2 @1"});
  CHECK(trace_errors(R"({"session_id": "s", "arrival_time_ns": 5, "sub_requests": [3]}
{"session_id": "s", "arrival_time_ns": 5, "sub_requests": [{"input_toks": 1, "output_toks": "x"}]}
{"session_id": "s", "sub_requests": [{"input_toks": 1, "output_toks": 1}]})") ==
        Texts{"t.csv:1:59+4: sub_requests: not an array of JSON objects",
              "t.csv:2:93+3: output_toks `x` is not a whole number of tokens",
              "t.csv:3:1+74: the row has no `arrival_time_ns`"});
}

TEST_CASE("jsonl: our own keys") {
  CHECK(rows_as("jsonl",
                R"({"arrival_s": 0.5, "input_tokens": 10, "output_tokens": 5, "session_id": "x",)"
                R"( "block_tokens": 8, "hash_ids": [1,2], "class": "a\"b"}
{"arrival_s": 1, "input_tokens": 10, "output_tokens": 5, "delay_s": 2, "prefix_group": "g",)"
                R"( "prefix_tokens": 3, "priority": 4}
)") == Texts{"10>5 @0 session x class a\"b 8x1,2", "10>5 @0.5 +2 priority 4 prefix g:3"});
}

TEST_CASE("lines that are no JSON objects are named with their place") {
  const std::string row = R"({"input_tokens": 1, "output_tokens": 1})";
  CHECK(trace_errors(row + "\n[1, 2]\n") == Texts{"t.csv:2:1+6: not a JSON object"});
  CHECK(trace_errors(row + "\n{\"input_tokens\": 1, \"output_tokens\": 1} 5\n") ==
        Texts{"t.csv:2:1+41: the line does not end with its JSON object"});
  CHECK(trace_errors(row + "\n" + row + row + "\n") ==
        Texts{"t.csv:2:40+39: text after the JSON object"});
  CHECK(trace_errors(row + "\n{\"input_tokens\": 1, \"outp\n") ==
        Texts{"t.csv:2:1+25: a text is not closed on its line"});
  CHECK(trace_errors(row + "\n{\"input_tokens\": 1, \"output_tokens\": [1\n").size() == 1);
  CHECK(trace_errors(row + "\n{\"input_tokens\": 1}\n") ==
        Texts{"t.csv:2:1+19: the row has no `output_tokens`"});
  CHECK(trace_errors(row + "\n{\"input_tokens\": 1.5, \"output_tokens\": {}}\n") ==
        Texts{"t.csv:2:18+3: input_tokens `1.5` is not a whole number of tokens",
              "t.csv:2:40+2: output_tokens `{}` is not a whole number of tokens"});
}

TEST_CASE("sharegpt: an answer is a request, its prompt all that was said before") {
  const std::string talk =
      R"([{"id": "a", "conversations": [{"from": "human", "value": "12345678"},
  {"from": "gpt", "value": "\"[{é"}, {"from": "human", "value": "more"},
  {"from": "gpt", "value": "x"}]},
 {"id": "b", "conversations": []},
 {"conversations": [{"value": "123456789", "from": "system"}, {"from": "gpt", "value": ""},
  {"from": "human", "value": "y"}, {"from": "gpt", "value": "z"}]}])";
  const Texts rows{"2>1 session 1 1:0+3", "4>1 +0 session 1 1:0+5", "4>1 session 3 3:0+5"};
  CHECK(rows_as("sharegpt", talk) == rows);
  CHECK(rows_as("sharegpt", "\xEF\xBB\xBF\n" + talk + "\n") == rows);
  // One a line, and without an array around them.
  CHECK(rows_as("sharegpt",
                "{\"conversations\": [{\"from\": \"human\", \"value\": \"a\"}, "
                "{\"from\": \"assistant\", \"value\": \"b\"}]}\n{\"conversations\": []}\n") ==
        Texts{"1>1 session 1 1:0+2"});
  CHECK(
      trace_errors("[{\"conversations\": 5},\n {\"x\": 1}, {\"conversations\": [{\"from\": \"a\"}]}"
                   ",\n 7,\n{\"conversations\"") ==
      Texts{"t.csv:1:1+0: conversations: not an array of JSON objects",
            "t.csv:2:1+0: the object has no `conversations`",
            "t.csv:2:1+0: a message has no `from` and `value`", "t.csv:3:1+0: not a JSON object",
            "t.csv:4:1+0: the line does not end with its JSON object"});
}

TEST_CASE("our own formats say what tokens are, which turns go together, and when the run began") {
  CHECK(
      rows_as("csv",
              "time_s,input_tokens,output_tokens,session_id,delay_s,turn,content\n"
              "0.5,10,2,s,,0,7:0+12\n0.5,30,2,s,1.5,1,7:0+12 9:0+20\n") ==
      Texts{"10>2 @0.5 session s turn 0 7:0+12", "30>2 @0.5 +1.5 session s turn 1 7:0+12 9:0+20"});
  CHECK(rows_as("jsonl",
                "{\"time_s\": 2, \"input_tokens\": 3, \"output_tokens\": 1, "
                "\"content\": \"18446744073709551615:5+1\"}\n") ==
        Texts{"3>1 @2 18446744073709551615:5+1"});
  CHECK(
      trace_errors("input_tokens,output_tokens,content\n5,1,7:0+7\n5,1,7:0\n5,1,7:0+2x\n"
                   "5,1,1:0+4 2:0+3\n5,1,-1:0+1\n5,1,1:0+0\n") ==
      Texts{"t.csv:2:5+5: content holds `7:0+7` where STREAM:FIRST+TOKENS should be, of at most 6 "
            "tokens",
            "t.csv:3:5+3: content holds `7:0` where STREAM:FIRST+TOKENS should be, of at most 6 "
            "tokens",
            "t.csv:4:5+6: content holds `7:0+2x` where STREAM:FIRST+TOKENS should be, of at most "
            "6 tokens",
            "t.csv:5:5+11: content holds `2:0+3` where STREAM:FIRST+TOKENS should be, of at most "
            "2 tokens",
            "t.csv:6:5+6: content holds `-1:0+1` where STREAM:FIRST+TOKENS should be, of at most "
            "6 tokens",
            "t.csv:7:5+5: content holds `1:0+0` where STREAM:FIRST+TOKENS should be, of at most 6 "
            "tokens"});
}

TEST_CASE("columns of a user's own, in CSV and JSONL, in the unit that is given") {
  TraceOptions options;
  options.columns = std::make_shared<NamedColumns>(TraceColumns{
      {{"arrival", "ts"}, {"input", "in"}, {"output", "out"}, {"session", "who"}}, "milliseconds"});
  const auto rows = [&options](std::string_view text) {
    ErrorLog errors("t");
    const OpenedTrace opened = open_trace(LineReader(text), options, errors);
    Texts all = test::brief(errors.diagnostics());
    TraceRow row;
    while (opened.reader != nullptr && opened.reader->next(row)) {
      all.push_back(in_words(row));
    }
    return all;
  };
  const Texts two{"5>6 @0 session a", "7>8 @1.5 session b"};
  CHECK(rows("who,out,in,ts\na,6,5,1000\nb,8,7,2500\n") == two);
  CHECK(rows("{\"who\": \"a\", \"out\": 6, \"in\": 5, \"ts\": 1000}\n"
             "{\"ts\": 2500, \"who\": \"b\", \"out\": 8, \"in\": 7}\n") == two);
  CHECK(rows("who,out,ts\na,6,1000\n") == Texts{"t:1:1+10: the header has no column `in`"});
}

}  // namespace penstock
