#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/units.h"
#include "sim/hardware/accelerator.h"
#include "sim/kv/block_size.h"
#include "sim/model/architecture.h"
#include "sim/step/engine_timing.h"

/// Everything that describes a run: the only input of simulate(). Made by config/, all names
/// resolved, all defaults filled in, all numbers checked.
namespace penstock {

enum class RouterKind {
  round_robin,
  random,
  least_outstanding,
  power_of_two,
  least_kv,
  session_affinity,
  prefix_aware,
  kv_aware,
  weighted,
};
enum class SchedulingPolicy { fcfs, priority };
enum class CostRule { phase, cause, occupancy, flops, output_only, blended };

struct ClusterSpec {
  Accelerator gpu;
  int tensor_parallel = 1;
  int replicas = 1;
  /// Ranks of a replica that attend to sequences of their own and share the experts (attention data
  /// parallel): each is an engine with a scheduler and a KV pool.
  int data_parallel = 1;
  /// Stages of layers, each on GPUs of all ranks, with as many batches in flight (lanes).
  int pipeline_parallel = 1;
  /// GPUs over which routed experts are spread, all of a stage; 1 = split as the rest.
  int expert_parallel = 1;
  RouterKind router = RouterKind::round_robin;
  /// Metrics reach routers that scrape them this often: llm-d's default.
  SimTime scrape_interval = SimTime::from_milliseconds(50);

  /// Ranks of a replica and, with stages, lanes of each.
  int engines_per_replica() const { return data_parallel * pipeline_parallel; }
  /// Of all replicas: each runs steps, on tensor_parallel GPUs. Ranks have schedulers and KV pools
  /// of their own, lanes share those of their rank.
  int engines() const { return replicas * engines_per_replica(); }
  int gpus_per_stage() const { return tensor_parallel * data_parallel; }
  int gpus_per_replica() const { return gpus_per_stage() * pipeline_parallel; }
};

/// What only SGLang has.
struct SglangSpec {
  /// The waiting queue's order: of arrival, or the longest cached prefix first.
  enum class Policy { fcfs, lpm };
  Policy schedule_policy = Policy::fcfs;
  std::int64_t max_prefill_tokens = 16384;  ///< most tokens of a prefill batch, but for one request
  double schedule_conservativeness = 1;     ///< scales the share of unborn tokens kept free
  bool enable_mixed_chunk = false;          ///< decodes run beside prefills
  /// Retraction goes on until 20 tokens for each remaining request are free, as up to 0.4.
  bool retracts_far = false;
};

/// What only TensorRT-LLM has.
struct TensorRtSpec {
  enum class Capacity { guaranteed_no_evict, max_utilization };
  enum class Chunking { first_come_first_served, equal_progress };
  Capacity capacity_scheduler_policy = Capacity::guaranteed_no_evict;
  Chunking context_chunking_policy = Chunking::first_come_first_served;
};

/// Speculative decoding: a drafter proposes tokens, which the model verifies all at once.
struct SpeculativeSpec {
  enum class Method { none, ngram, eagle, eagle3, mtp, draft_model };
  Method method = Method::none;
  /// Entry i: the probability that draft i + 1 is accepted if all before it are; as many as drafts.
  std::vector<double> acceptance;
  Architecture drafter;  ///< what proposes; unused for ngram
  Dtype drafter_weights = Dtype::bf16;

  bool on() const { return method != Method::none; }
  bool has_drafter() const { return on() && method != Method::ngram; }
  std::int64_t num_speculative_tokens() const {
    return static_cast<std::int64_t>(acceptance.size());
  }
  /// Tokens that a decoding sequence has verified in a step.
  std::int64_t rows() const { return 1 + num_speculative_tokens(); }
  /// Tokens that it emits a step, in the mean (scheduler-semantics 1.8.4).
  double mean_tokens() const;
};

const char* to_string(SpeculativeSpec::Method method);  ///< as engine.speculative.method has it

/// One engine, keys spelled as vLLM spells them.
struct EngineSpec {
  std::string preset;
  std::string scheduler = "vllm_v1";
  std::int64_t max_num_seqs = 256;
  std::int64_t max_num_batched_tokens = 8192;
  BlockSize block_size = 16;
  std::int64_t num_gpu_blocks = 0;  ///< usable blocks, the null block already taken off
  double gpu_memory_utilization = 0.9;
  std::int64_t max_model_len = 0;
  bool enable_chunked_prefill = true;
  std::int64_t long_prefill_token_threshold = 0;  ///< 0 = off
  bool enable_prefix_caching = false;
  bool async_scheduling = false;
  SchedulingPolicy scheduling_policy = SchedulingPolicy::fcfs;
  bool scheduler_reserve_full_isl = true;
  std::int64_t max_queued_requests = 0;  ///< more are refused; 0 = no limit
  double watermark = 0;
  /// KV blocks that the host's memory holds of a replica, behind the GPU's; 0 = no such tier, else
  /// with enable_prefix_caching only. Copying one takes this long, in either direction.
  std::int64_t host_blocks = 0;
  SimTime host_block_time;
  /// Token counts to which a step is padded, ascending; empty = no padding.
  std::vector<std::int64_t> cuda_graph_sizes;
  /// What a sequence holds beside the blocks of its tokens, in blocks: states of linear layers, and
  /// the windows of sliding ones, as far as its tokens fill them when it is admitted.
  struct PerSequence {
    double state_blocks = 0;
    double window_blocks_per_token = 0;
    std::int64_t window = 0;

    bool any() const { return state_blocks > 0 || window_blocks_per_token > 0; }
    std::int64_t blocks(std::int64_t tokens) const {
      if (!any()) {
        return 0;
      }
      const double held = state_blocks + window_blocks_per_token *
                                             static_cast<double>(tokens < window ? tokens : window);
      const auto whole = static_cast<std::int64_t>(held);
      return static_cast<double>(whole) < held ? whole + 1 : whole;
    }
  } per_sequence;
  EngineTiming timing;
  CpuOverhead cpu_overhead;
  /// HTTP, tokeniser and hand-over between processes: part of TTFT, E2E and queueing time.
  SimTime front_end_latency;
  /// Which of these times the workload file gives itself: a calibration leaves them alone.
  struct OwnTimes {
    bool per_step = false;
    bool per_sequence = false;
    bool front_end_latency = false;
  } own_times;
  SglangSpec sglang;
  TensorRtSpec tensorrt_llm;
  SpeculativeSpec speculative;  ///< with the schedulers vllm_v1, sglang and tensorrt_llm

  /// It learns that a token was the last only when that has come back, a step later.
  bool finishes_late() const {
    return async_scheduling && (scheduler != "vllm_v1" || speculative.on());
  }
  /// Its prefix cache learns of a prompt's blocks when the step that computed them has ended, of
  /// generated ones when the request ends; vLLM's when they are scheduled.
  bool caches_late() const { return enable_prefix_caching && scheduler != "vllm_v1"; }
  /// Its prefix cache is SGLang's radix tree.
  bool has_radix_cache() const { return enable_prefix_caching && scheduler == "sglang"; }
  /// KV slots that a decode step holds for drafts behind a sequence's tokens.
  std::int64_t draft_slots() const;
  /// A block is a slot: it holds one request of up to max_model_len.
  bool holds_slots() const { return scheduler == "orca" || scheduler == "static"; }
};

struct StepModelSpec {
  enum class Kind { roofline, constant } kind = Kind::roofline;
  SimTime constant;  ///< every step's time, if kind is constant
};

/// A limit is unset if infinite.
struct Slo {
  static constexpr SimTime none = SimTime::never();
  SimTime ttft = none;
  SimTime tpot = none;
  SimTime e2e = none;
  double attainment = 0.99;

  bool any() const { return ttft != none || tpot != none || e2e != none; }
};

/// A number that is drawn: fixed, uniform, lognormal, or a piecewise-linear quantile function.
/// Token counts, but for a few fields that say what else: seconds, coefficients of variation.
struct LengthSpec {
  enum class Kind { fixed, uniform, lognormal, quantiles } kind = Kind::fixed;
  double a = 0;                       ///< fixed: value; uniform: lowest; lognormal: mu of ln
  double b = 0;                       ///< uniform: highest; lognormal: sigma of ln
  std::vector<double> probabilities;  ///< quantiles: from 0 to 1, ascending
  std::vector<double> values;         ///< quantiles: not descending
};

/// How a rate goes up and down: from `from[i]` on it is `factors[i]` times the class's.
struct RateModulation {
  std::vector<SimTime> from;          ///< ascending, the first is 0; empty = none
  std::vector<double> factors;        ///< >= 0, one of them more
  SimTime period = SimTime::never();  ///< after which it starts again; later than all of `from`
};

/// Many clients in place of one: each has a share of the rate, and a process of its own.
struct ClientSpec {
  enum class Skew { equal, zipf, lognormal } skew = Skew::equal;
  std::int64_t count = 1;
  double spread = 0;             ///< zipf: exponent; lognormal: sigma of ln
  std::optional<LengthSpec> cv;  ///< a client's cv; unset = ArrivalSpec::cv for all
};

struct ArrivalSpec {
  enum class Process { poisson, constant, offline, closed_loop, gamma, weibull, on_off };
  Process process = Process::poisson;
  double cv = 1;              ///< gamma, weibull, on_off: std / mean of the gaps (while on)
  SimTime on;                 ///< on_off: mean time on, exponential
  SimTime off;                ///< on_off: mean time off, exponential
  double off_rate = 0;        ///< on_off: rate while off over rate while on
  RateModulation modulation;  ///< open processes
  bool rescale = false;       ///< open processes: the last of the requests comes at requests/rate
  ClientSpec clients;         ///< open processes
  std::int64_t concurrency = 0;  ///< closed loop: clients
  SimTime think;                 ///< closed loop: between a completion and the next request
};

/// Requests of a class fall, at random, into groups; those of a group begin with the same tokens.
struct PrefixSpec {
  std::int64_t shared = 0;  ///< tokens; all of a prompt that is shorter. 0 = nothing is shared
  std::int64_t groups = 1;
  /// Of a group, sent again and again in an order drawn once; 0 = new ones in each request.
  std::int64_t prompts = 0;
};

/// Conversations (docs/traffic.md). The class's rate is that of new ones, its lengths those of a
/// first turn; the answers of all turns have its output length.
struct SessionSpec {
  LengthSpec turns;         ///< turns of a conversation
  LengthSpec think;         ///< seconds from the end of a turn to the next
  LengthSpec follow_up;     ///< new prompt tokens of each turn after the first
  double tool_share = 0;    ///< share of later turns that bring a tool's result, not a person's
  LengthSpec tool_delay;    ///< such a turn's seconds, in place of `think`
  LengthSpec tool_result;   ///< such a turn's new prompt tokens, in place of `follow_up`
  double branch_share = 0;  ///< share of turns, but the last, that are followed by branches
  LengthSpec branch_count;  ///< how many, sent at once; the next turn waits for all
  LengthSpec branch_input;  ///< new prompt tokens of a branch
  LengthSpec branch_output;
  std::int64_t max_context = 0;  ///< a later turn or branch that may exceed it is not sent
};

struct ClassSpec {
  std::string name = "default";
  double rate = 0;   ///< requests per second; 0 for offline, closed loop and traces
  double share = 0;  ///< offline: share of WorkloadSpec::requests; the shares sum to 1
  ArrivalSpec arrivals;
  LengthSpec input;
  LengthSpec output;
  double rank_correlation = 0;  ///< of input and output (Spearman), by a Gaussian copula
  PrefixSpec prefix;
  std::optional<Slo> slo;  ///< overrides the workload's
  std::int32_t priority = 0;
  std::optional<SessionSpec> sessions;
  SimTime timeout = SimTime::never();  ///< after it a client goes away: the request is aborted
};

/// The columns of a trace of the user's own: what each holds ("input"), and its name in the file.
struct TraceColumns {
  std::vector<std::pair<std::string, std::string>> names;
  std::string time_unit = "seconds";
};

struct TraceSpec {
  std::string file;                     ///< as given; relative to the workload file
  std::string path;                     ///< resolved
  std::string format;                   ///< empty = recognised by content
  SimTime start;                        ///< cut: skip what arrives before, in the trace's time
  SimTime duration = SimTime::never();  ///< cut: keep this much, in the trace's time
  std::uint64_t requests = UINT64_MAX;  ///< cut: keep so many
  double rate_scale = 1;                ///< compress time by this factor, after the cuts
  std::int64_t block_tokens = 0;        ///< of the trace's hash ids; 0 = what its format says
  std::optional<TraceColumns> columns;  ///< of a file of the user's own
  double thin = 1;             ///< keep requests with this probability, sessions as a whole
  bool skip_bad_rows = false;  ///< leave out rows that cannot be read
  bool has_arrivals = false;   ///< its class says when requests come, not the trace's times
};

struct WorkloadSpec {
  std::uint64_t requests = 0;      ///< generated arrivals over all classes; 0 = no limit
  SimTime duration;                ///< of generated arrivals; 0 = no limit
  SimTime warmup;                  ///< requests arriving before are left out of latencies and SLOs
  std::optional<TraceSpec> trace;  ///< its requests are of class `default`, classes[trace_class]
  std::uint16_t trace_class = 0;
  std::vector<ClassSpec> classes;
};

/// What owning one GPU costs an hour: capital / life + hosting + electricity, or one figure with
/// everything in it.
struct OwnedSpec {
  double capital = 0;           ///< of one GPU with its share of server and network
  double life_hours = 0;        ///< over which it is written off
  double hosting_per_hour = 0;  ///< of one GPU, without electricity
  double all_in_per_hour = 0;   ///< instead of the three and electricity; 0 = not used
  std::string source;           ///< "given in the file", or the catalogue's date and source
  double low_per_hour = 0;      ///< the catalogue's spread, everything in it; 0 = unknown
  double high_per_hour = 0;
  std::string missing;  ///< why there is none; empty = there is one
};

struct PriceSpec {
  std::string currency = "USD";
  double gpu_per_hour = 0;  ///< rental, per GPU
  std::string source;       ///< "given in the file", or the catalogue's provider and date
  double low_per_hour = 0;  ///< the catalogue's spread, 0 = unknown
  double high_per_hour = 0;
  double electricity_per_kwh = 0;  ///< 0 = not given
  double pue = 1;                  ///< facility energy over server energy
  double host_share = 0.4;         ///< power of hosts, fans and switches over that of the GPUs
  OwnedSpec owned;
  CostRule rule = CostRule::phase;
};

struct Scenario {
  std::string model_name;
  Architecture model;
  Dtype weights = Dtype::bf16;         ///< of routed experts, and of all else if not given apart
  std::optional<Dtype> dense_weights;  ///< of all projections but routed experts
  std::optional<Dtype> attention_weights;  ///< of token mixers, if not as dense_weights
  Dtype kv_cache = Dtype::bf16;
  ClusterSpec cluster;
  EngineSpec engine;
  StepModelSpec step_model;
  WorkloadSpec workload;
  Slo slo;
  PriceSpec prices;
  std::uint64_t seed = 1;
  WeightDtypes weight_dtypes() const {
    const Dtype dense = dense_weights.value_or(weights);
    return {weights, dense, attention_weights.value_or(dense)};
  }
  SimTime until = SimTime::never();  ///< stop early: requests are left running or queued
  SimTime timeseries_interval;       ///< 0 = chosen from the span
};

/// When every token of a one-replica run was emitted, for tests: token t of a request was emitted
/// in the step t + prompt - 1 - base of the first span of its id whose last_step is not earlier,
/// but for those that chunks brought out.
struct TokenLog {
  struct Span {
    std::uint32_t id = 0;
    std::int64_t base = 0;
    std::int64_t last_step = 0;
    std::int64_t engine = 0;  ///< of the replica
  };
  struct PrefillToken {
    std::uint32_t id = 0;
    std::int64_t token = 0;  ///< from 1
    SimTime at;
  };
  std::vector<Span> spans;         ///< one per stay in the decode set, when it ends
  std::vector<SimTime> step_ends;  ///< by step x engines + engine; of those with decodes
  std::vector<PrefillToken> prefill_tokens;
};

class StepModel;
class Timeline;
struct RequestRecord;

struct SimulationOptions {
  /// Asked after each request that leaves (completed or rejected); false stops the run. For
  /// searches that know early that a run has failed.
  std::function<bool(const RequestRecord&)> keep_going;

  Timeline* timeline = nullptr;  ///< takes the steps, if given

  // For tests only: results must not depend on the first two.
  bool fast_path = true;  ///< aggregate phase 1; false: the rule-by-rule scheduler every step
  bool leaping = true;    ///< run many decode-only steps at once
  /// False: no cost is attributed (ledger, block-time), to measure what attribution takes; there
  /// is no bill then.
  bool attribution = true;
  TokenLog* token_log = nullptr;
  /// Replaces the scenario's step model.
  std::function<std::unique_ptr<StepModel>()> make_model;
};

}  // namespace penstock
