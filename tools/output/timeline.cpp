#include "tools/output/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "tools/output/text.h"

namespace penstock::output {
namespace {

/// What one takes, in bytes, about.
constexpr std::size_t step_bytes = 355;
constexpr std::size_t request_bytes = 1010;

/// In the order in which events of the same moment are written: what ends before what begins.
enum class TraceEvent : std::uint8_t { end, begin, step, counters, flow };

/// One or more lines of the trace, at one moment.
struct Moment {
  std::int64_t ns = 0;
  TraceEvent kind = TraceEvent::step;
  std::uint8_t stage = 0;   ///< of a request, or of its flow
  std::uint32_t index = 0;  ///< of the step, or of the request
};

std::int64_t nanoseconds(SimTime time) { return time.ps / 1000; }

/// Trace times are microseconds.
std::string micro(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// A request's stages and where they begin and end; those that never began are left out.
struct Stage {
  const char* name;
  SimTime begin, end;
};
std::vector<Stage> stages_of(const RequestRecord& request, SimTime run_end) {
  const SimTime end = request.finish < SimTime{} ? run_end : request.finish;
  const auto or_end = [end](SimTime time) { return time < SimTime{} ? end : std::min(time, end); };
  const SimTime scheduled = or_end(request.first_scheduled);
  const SimTime first = or_end(request.first_token);
  std::vector<Stage> stages{{"request", request.arrival, end},
                            {"queue", request.arrival, scheduled}};
  if (request.first_scheduled >= SimTime{}) {
    stages.push_back({"prefill", scheduled, first});
  }
  if (request.first_token >= SimTime{}) {
    stages.push_back({"decode", first, end});
  }
  return stages;
}

class TraceWriter {
 public:
  TraceWriter(const RunOutput& run, const Timeline& timeline, const TraceWindow& window,
              const Sink& sink)
      : run_(run), timeline_(timeline), window_(window), sink_(sink) {}

  void write() {
    out_ = "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"made by\":\"penstock run --timeline\"," +
           fmt::format("\"shows\":{}}},\n\"traceEvents\":[\n",
                       json_text(trace_window_text(run_, window_)));
    for (std::size_t r = 0; r < run_.result.replicas.size(); ++r) {
      line(
          fmt::format("{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{0},\"args\":{{\"name\":"
                      "\"replica {0}\"}}}}",
                      r));
      line(
          fmt::format("{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{},\"tid\":1,\"args\":{{"
                      "\"name\":\"steps\"}}}}",
                      r));
    }
    for (const Moment& moment : moments()) {
      write(moment);
    }
    out_ += "\n]}\n";
    sink_(out_);
  }

 private:
  const RequestRecord& request(std::size_t index) const { return run_.result.requests[index]; }

  std::vector<Moment> moments() const {
    std::vector<Moment> all;
    for (std::size_t i = 0; i < window_.steps; ++i) {
      const TimelineStep& step = timeline_.steps()[i];
      all.push_back({nanoseconds(step.start), TraceEvent::step, 0, static_cast<std::uint32_t>(i)});
      all.push_back(
          {nanoseconds(step.end), TraceEvent::counters, 0, static_cast<std::uint32_t>(i)});
    }
    for (std::size_t i = 0; i < run_.result.requests.size(); ++i) {
      if (request(i).arrival >= window_.from && request(i).arrival < window_.to &&
          request(i).status != RequestStatus::rejected) {
        add_request(i, all);
      }
    }
    // Outer stages begin before inner ones and end after them.
    std::sort(all.begin(), all.end(), [](const Moment& a, const Moment& b) {
      const int a_stage = a.kind == TraceEvent::end ? -a.stage : a.stage;
      const int b_stage = b.kind == TraceEvent::end ? -b.stage : b.stage;
      return std::tie(a.ns, a.kind, a_stage, a.index) < std::tie(b.ns, b.kind, b_stage, b.index);
    });
    return all;
  }

  void add_request(std::size_t index, std::vector<Moment>& all) const {
    const auto i = static_cast<std::uint32_t>(index);
    const std::vector<Stage> stages = stages_of(request(index), run_.result.duration);
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const auto stage = static_cast<std::uint8_t>(s);
      // A stage of no length would end before it begins.
      if (s == 0 || nanoseconds(stages[s].begin) < nanoseconds(stages[s].end)) {
        all.push_back({nanoseconds(stages[s].begin), TraceEvent::begin, stage, i});
        all.push_back(
            {std::max(nanoseconds(stages[s].end), nanoseconds(stages[s].begin) + (s == 0)),
             TraceEvent::end, stage, i});
      }
    }
    const RequestRecord& one = request(index);
    if (one.first_scheduled >= SimTime{} && one.status == RequestStatus::completed) {
      all.push_back({nanoseconds(one.first_scheduled), TraceEvent::flow, 0, i});
      // A flow passes through the slice that ends there, not the next one.
      all.push_back({nanoseconds(one.first_token) - 1, TraceEvent::flow, 1, i});
      all.push_back({nanoseconds(one.finish) - 1, TraceEvent::flow, 2, i});
    }
  }

  void write(const Moment& moment) {
    switch (moment.kind) {
      case TraceEvent::step:
        return write_step(timeline_.steps()[moment.index]);
      case TraceEvent::counters:
        return write_counters(moment, timeline_.steps()[moment.index]);
      case TraceEvent::flow:
        return write_flow(moment);
      case TraceEvent::begin:
      case TraceEvent::end:
        return write_stage(moment);
    }
  }

  void write_step(const TimelineStep& step) {
    const char* name = step.chunks == 0 ? "decode" : step.decodes == 0 ? "prefill" : "mixed";
    const std::int64_t start = nanoseconds(step.start);
    line(fmt::format(
        "{{\"ph\":\"X\",\"name\":\"{}\",\"cat\":\"step\",\"pid\":{},\"tid\":1,\"ts\":{},"
        "\"dur\":{},\"args\":{{\"steps\":{},\"decodes\":{},\"prompts\":{},"
        "\"prompt_tokens\":{}}}}}",
        name, step.replica, micro(start), micro(nanoseconds(step.end) - start), step.steps,
        step.decodes, step.chunks, step.prompt_tokens));
  }

  void write_counters(const Moment& moment, const TimelineStep& step) {
    const std::string at = fmt::format("\"pid\":{},\"ts\":{}", step.replica, micro(moment.ns));
    line(
        fmt::format("{{\"ph\":\"C\",\"name\":\"requests\",{},\"args\":{{\"running\":{},"
                    "\"waiting\":{}}}}}",
                    at, step.running, step.waiting));
    line(fmt::format("{{\"ph\":\"C\",\"name\":\"KV blocks\",{},\"args\":{{\"used\":{}}}}}", at,
                     step.blocks));
  }

  void write_stage(const Moment& moment) {
    const RequestRecord& one = request(moment.index);
    const bool begins = moment.kind == TraceEvent::begin;
    const Stage stage = stages_of(one, run_.result.duration)[moment.stage];
    const std::string name =
        moment.stage == 0 ? fmt::format("request {}", moment.index) : stage.name;
    std::string args;
    if (begins && moment.stage == 0) {
      args = fmt::format(
          ",\"args\":{{\"class\":{},\"input\":{},\"cached\":{},\"output\":{},\"preemptions\":{}}}",
          json_text(run_.scenario.workload.classes.at(one.class_index).name), one.input_tokens,
          one.cached_tokens, one.output_tokens, one.preemptions);
    }
    line(
        fmt::format("{{\"ph\":\"{}\",\"name\":\"{}\",\"cat\":\"request\",\"id\":{},\"pid\":{},"
                    "\"tid\":1,\"ts\":{}{}}}",
                    begins ? 'b' : 'e', name, moment.index, one.replica, micro(moment.ns), args));
  }

  void write_flow(const Moment& moment) {
    constexpr std::array phases{"s", "t", "f"};
    line(
        fmt::format("{{\"ph\":\"{}\",\"name\":\"request\",\"cat\":\"flow\",\"id\":{},\"pid\":{},"
                    "\"tid\":1,\"ts\":{}{}}}",
                    phases[moment.stage], moment.index, request(moment.index).replica,
                    micro(moment.ns), moment.stage == 2 ? ",\"bp\":\"e\"" : ""));
  }

  void line(const std::string& text) {
    out_ += is_first_ ? "" : ",\n";
    is_first_ = false;
    out_ += text;
    if (out_.size() > std::size_t{1} << 18) {
      sink_(out_);
      out_.clear();
    }
  }

  const RunOutput& run_;
  const Timeline& timeline_;
  const TraceWindow& window_;
  const Sink& sink_;
  std::string out_;
  bool is_first_ = true;
};

}  // namespace

TraceWindow trace_window(const RunOutput& run, const Timeline& timeline) {
  const RequestRecords& requests = run.result.requests;
  TraceWindow window;
  window.from = timeline.from();
  window.to = SimTime::never();
  const auto first = std::find_if(requests.begin(), requests.end(), [&](const RequestRecord& one) {
    return one.arrival >= window.from;
  });
  auto next = first;
  std::size_t bytes = 0;
  for (const TimelineStep& step : timeline.steps()) {
    for (; next != requests.end() && next->arrival <= step.start; ++next) {
      bytes += request_bytes + run.scenario.workload.classes.at(next->class_index).name.size();
    }
    bytes += step_bytes;
    if (bytes > most_trace_bytes) {
      window.to = step.start;
      break;
    }
    ++window.steps;
  }
  if (window.to == SimTime::never() && timeline.left_out() > 0) {
    window.to = timeline.steps().back().end;
  }
  for (auto one = first; one != requests.end(); ++one) {
    ++(one->arrival < window.to ? window.requests : window.requests_left_out);
  }
  window.steps_left_out = timeline.steps().size() - window.steps + timeline.left_out();
  return window;
}

std::string trace_window_text(const RunOutput& run, const TraceWindow& window) {
  const double end = run.result.duration.seconds();
  const auto count = [](std::size_t n) { return group_digits(static_cast<std::int64_t>(n)); };
  std::string text = fmt::format("{} to {} of {}: {} steps and leaps, {} requests",
                                 window.from > SimTime{} ? span_text(window.from.seconds()) : "0 s",
                                 span_text(std::min(end, window.to.seconds())), span_text(end),
                                 count(window.steps), count(window.requests));
  if (window.steps_left_out + window.requests_left_out > 0) {
    text += fmt::format(
        "; left out for size: {} steps and {} requests after that "
        "(--timeline-from TIME starts later)",
        count(window.steps_left_out), count(window.requests_left_out));
  }
  return text;
}

void write_trace(const RunOutput& run, const Timeline& timeline, const TraceWindow& window,
                 const Sink& sink) {
  TraceWriter(run, timeline, window, sink).write();
}

}  // namespace penstock::output
