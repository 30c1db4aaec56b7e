#include "tools/output/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tools/output/text.h"

namespace penstock::output {
namespace {

const char* status_name(RequestStatus status) {
  switch (status) {
    case RequestStatus::queued:
      return "queued";
    case RequestStatus::running:
      return "running";
    case RequestStatus::completed:
      return "completed";
    case RequestStatus::rejected:
      return "rejected";
    case RequestStatus::aborted:
      return "aborted";
  }
  return "";
}

/// Rows gathered in one buffer, handed over in large pieces.
class Rows {
 public:
  explicit Rows(const Sink& sink) : sink_(sink) {}
  ~Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  void text(std::string_view value) { buffer_.append(value.data(), value.data() + value.size()); }
  void integer(std::int64_t value) {
    const fmt::format_int digits(value);
    buffer_.append(digits.data(), digits.data() + digits.size());
  }
  void real(double value) { fmt::format_to(fmt::appender(buffer_), "{}", value); }
  /// Exact seconds; nothing for a time that never came.
  void time(SimTime value) {
    if (value.ps < 0) {
      return;
    }
    constexpr std::int64_t second = 1'000'000'000'000;
    integer(value.ps / second);
    std::int64_t fraction = value.ps % second;
    if (fraction == 0) {
      return;
    }
    char digits[14] = ".000000000000";
    std::size_t end = 1;
    for (std::size_t place = 12; place > 0; --place) {
      const auto digit = static_cast<char>(fraction % 10);
      fraction /= 10;
      digits[place] = static_cast<char>('0' + digit);
      end = digit != 0 && end == 1 ? place + 1 : end;
    }
    text({digits, end});
  }
  void comma() { buffer_.push_back(','); }
  void end_row() {
    buffer_.push_back('\n');
    if (buffer_.size() > std::size_t{1} << 18) {
      flush();
    }
  }
  void flush() {
    sink_({buffer_.data(), buffer_.size()});
    buffer_.clear();
  }

 private:
  const Sink& sink_;
  fmt::memory_buffer buffer_;
};

double to_double(Int128 value) { return static_cast<double>(value); }
double share(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

/// The numbers of one interval of one replica, over `length` ps.
void write_interval(const RunOutput& run, const SeriesPoint& point, std::int64_t length,
                    Rows& rows) {
  const auto span = static_cast<double>(length);
  const auto blocks = static_cast<double>(run.scenario.engine.num_gpu_blocks);
  rows.integer(point.arrivals);
  rows.comma();
  rows.integer(point.completed);
  for (const double value :
       {share(to_double(point.running_ps), span), share(to_double(point.waiting_ps), span),
        share(to_double(point.blocks_ps), span * blocks),
        share(static_cast<double>(point.sequences), static_cast<double>(point.steps)),
        share(static_cast<double>(point.busy_ps), span)}) {
    rows.comma();
    rows.real(value);
  }
  rows.comma();
  if (run.summary.utilization.mfu) {
    rows.real(share(to_double(point.flop_time), span * 1024));
  }
  rows.comma();
  if (run.summary.utilization.mbu) {
    rows.real(share(to_double(point.byte_time), span * 1024));
  }
  rows.comma();
  if (length > 0 && run.summary.energy.known()) {
    const double joules = interval_energy(run.scenario, point, length).total();
    rows.real(joules / (span / 1e12));
  }
  rows.comma();
  rows.integer(point.preemptions);
  for (const std::int64_t bound : point.bound) {
    rows.comma();
    rows.real(share(static_cast<double>(bound), span));
  }
  rows.end_row();
}

}  // namespace

void write_requests_csv(const RunOutput& run, const Sink& sink) {
  std::vector<std::string> class_names;
  for (const ClassSpec& traffic : run.scenario.workload.classes) {
    class_names.push_back(csv_field(traffic.name));
  }
  Rows rows(sink);
  rows.text(
      "id,class,replica,arrival_s,first_scheduled_s,first_token_s,finish_s,input_tokens,"
      "cached_tokens,output_tokens,preemptions,status,cost_usd\n");
  std::int64_t id = 0;
  for (const RequestRecord& request : run.result.requests) {
    rows.integer(id++);
    rows.comma();
    rows.text(class_names.at(request.class_index));
    rows.comma();
    rows.integer(request.replica);
    rows.comma();
    for (const SimTime time :
         {request.arrival, request.first_scheduled, request.first_token, request.finish}) {
      rows.time(time);
      rows.comma();
    }
    for (const std::int64_t count :
         {std::int64_t{request.input_tokens}, std::int64_t{request.cached_tokens},
          std::int64_t{request.output_tokens}, std::int64_t{request.preemptions}}) {
      rows.integer(count);
      rows.comma();
    }
    rows.text(status_name(request.status));
    rows.comma();
    rows.real(request_cost(run.summary.bill, run.result, static_cast<std::size_t>(id - 1)));
    rows.end_row();
  }
  rows.flush();
}

void write_timeseries_csv(const RunOutput& run, const Sink& sink) {
  Rows rows(sink);
  rows.text(
      "time_s,replica,arrivals,completed,running,waiting,kv,batch,busy,mfu,mbu,power_w,"
      "preemptions,compute,memory,communication,latency,cpu\n");
  const std::int64_t interval = run.result.series_interval.ps;
  const std::int64_t end = run.result.duration.ps;
  std::size_t intervals = 0;
  for (const ReplicaResult& replica : run.result.replicas) {
    intervals = std::max(intervals, replica.series.size());
  }
  const SeriesPoint nothing;
  for (std::size_t i = 0; i < intervals && interval > 0; ++i) {
    const std::int64_t start = static_cast<std::int64_t>(i) * interval;
    // What falls on the very end belongs to an interval of no length; its counts still count.
    const std::int64_t length = std::clamp<std::int64_t>(end - start, 0, interval);
    for (std::size_t r = 0; r < run.result.replicas.size(); ++r) {
      const std::vector<SeriesPoint>& series = run.result.replicas[r].series;
      rows.time({start});
      rows.comma();
      rows.integer(static_cast<std::int64_t>(r));
      rows.comma();
      write_interval(run, i < series.size() ? series[i] : nothing, length, rows);
    }
  }
  rows.flush();
}

void write_ledger_csv(const RunOutput& run, const Sink& sink) {
  Rows rows(sink);
  rows.text("class,token,cause,rule,amount\n");
  for (const LedgerRow& row : run.summary.bill.ledger) {
    rows.text(csv_field(row.class_name));
    rows.comma();
    rows.text(row.token);
    rows.comma();
    rows.text(row.cause);
    rows.comma();
    rows.text(row.rule);
    rows.comma();
    rows.text(exact_dollars(row.nano));
    rows.end_row();
  }
  rows.flush();
}

}  // namespace penstock::output
