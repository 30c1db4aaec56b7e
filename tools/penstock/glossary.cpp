#include <array>

#include "tools/penstock/help_topics.h"

namespace penstock::cli {
namespace {

constexpr std::array glossary{
    Term{"ttft",
         "Time to first token: from the request's arrival at the server to its first output\n"
         "token. Over completed requests; `ttft_ms`."},
    Term{"tpot",
         "Time per output token: (e2e - ttft) / (output tokens - 1), per request, over completed\n"
         "requests with more than one output token; `tpot_ms`. In an SLO a request with one\n"
         "output token counts as 0."},
    Term{"itl",
         "Inter-token latency: every gap between two tokens of a request, all requests that\n"
         "arrived after the warm-up pooled, also those that do not complete;\n"
         "`itl_ms`. Percentiles from a histogram, at most 0.1 % off; mean and max are exact."},
    Term{"e2e", "Latency from arrival to the last token, over completed requests; `e2e_ms`."},
    Term{"queue", "From arrival to the step in which the request is first scheduled; `queue_ms`."},
    Term{"slo",
         "The limits given in the file (ttft, tpot, e2e) and the share of requests that must meet\n"
         "all of them (attainment, default 99 %). A class may have its own."},
    Term{"good", "A request is good if it meets every limit that it has."},
    Term{
        "attainment",
        "Good requests / (completed + rejected + aborted + unfinished ones already over a limit),\n"
        "requests of the warm-up left out. Verdicts and --strict compare it with the attainment\n"
        "asked for; the percentiles beside it explain it."},
    Term{"goodput", "Good requests per second of the run."},
    Term{"duration",
         "`duration_s`: from 0 to the last event, never less than `workload.duration`. Every\n"
         "replica is billed for all of it."},
    Term{"throughput", "Work done / duration: requests completed, tokens computed and emitted."},
    Term{"warmup",
         "Requests that arrive before `workload.warmup` are left out of latencies and SLOs. They\n"
         "still cost."},
    Term{"input", "Input tokens: positions of prompts computed for the first time."},
    Term{"cached_input",
         "Input tokens found in the prefix cache at first admission, not computed."},
    Term{"output", "Output tokens: tokens emitted."},
    Term{"recomputed", "Positions computed again because a preemption threw their KV cache away."},
    Term{"preemption",
         "Taking a running request's KV blocks because the cache is full. Its tokens are computed\n"
         "again when it comes back (`recomputed`, cost `recompute`)."},
    Term{"prefill", "Computing a prompt: many tokens in one pass, usually bound by compute."},
    Term{"decode",
         "Producing output: one token per sequence and pass, usually bound by memory bandwidth."},
    Term{"busy",
         "Share of wall time in which a replica runs a step, waiting for the CPU included. It is\n"
         "near 1 long before a system is full: under-use hides in small batches."},
    Term{"load",
         "Completed requests/s over what the replicas could complete of the same traffic at\n"
         "saturation, by the arithmetic of `penstock explain` (within 10 % of simulations; above\n"
         "100 % only by that error). What `busy` hides: half-empty batches."},
    Term{"unused batch",
         "What the same traffic would cost per million input / output tokens on full replicas,\n"
         "rule phase: `cost.saturation_per_million`. The rest of the price is under-use."},
    Term{"mfu",
         "Model FLOP utilization: useful FLOP at the peak of the dtype that each operator runs\n"
         "at, over GPUs x duration. Recomputed and padded work does not count."},
    Term{"mbu",
         "Memory bandwidth utilization: weights, activations of matrix products and KV cache "
         "moved,\n"
         "at the memory's peak, over GPUs x duration."},
    Term{"kv",
         "Share of the KV cache's blocks that requests hold, averaged over time (`kv_mean`), and\n"
         "the most at any time on any replica (`kv_peak`)."},
    Term{"kv_mean", "`kv` over the run's time, all replicas together."},
    Term{"kv_peak", "The largest `kv` of any replica."},
    Term{"batch", "Sequences per step: mean over steps, and the largest."},
    Term{"batch_peak", "The largest number of sequences in a step of any replica."},
    Term{"steps", "Steps that have run, of all replicas (ranks and lanes each their own)."},
    Term{"running", "Requests admitted and not finished; in the time series a mean over time."},
    Term{"waiting",
         "Requests that have arrived and are not admitted: in the engine's queue, or still with\n"
         "the front end (`engine.front_end_latency`)."},
    Term{"rejected",
         "Refused as they arrived: too long for the model, the KV pool or a step, or the queue is\n"
         "full (`engine.max_queued_requests`). They cost nothing."},
    Term{"saturation",
         "What a replica could serve of the same traffic, if it never waited for work; `load` is\n"
         "the run's requests/s over that. A closed form: `penstock explain`."},
    Term{"prefix_hit_rate", "Cached input tokens / all input tokens."},
    Term{"rank_wait",
         "Share of step time in which ranks (data_parallel) wait for the slowest one; idle in the "
         "bill."},
    Term{"stage_wait",
         "Share of the time of batches in flight (pipeline_parallel) in which they wait for a "
         "batch\n"
         "before them to leave a stage; idle in the bill."},
    Term{"speculative",
         "Drafts accepted of those proposed (`acceptance_rate`), tokens that a decoding sequence\n"
         "emits a step, the drafter's share of busy time, and what rejected drafts take of\n"
         "output's busy cost: their drafting, and what steps would be shorter by without them."},
    Term{"bottleneck",
         "What bounds the largest part of busy time (memory bandwidth, compute, communication,\n"
         "latency, CPU), and in which kind of step."},
    Term{"bill",
         "GPUs x duration x price of a GPU-hour, in whole nano-dollars. The accounts sum to it\n"
         "exactly, under every rule."},
    Term{"tariff",
         "`run --tariff`: prices per token of each kind, none below 0, that recover the bill with\n"
         "the least squares of their error per request. R2: the share of the variance of cost\n"
         "that they explain."},
    Term{"margin",
         "`run --margin NAME`: (revenue at a list price - cost) / revenue. The price belongs to\n"
         "its provider's model and hardware, not to this run."},
    Term{"owned", "The run's GPU-hours at what owning a GPU costs; `prices.owned`, `cost.bases`."},
    Term{"electricity", "What the run's energy costs: facility kWh x `prices.electricity`."},
    Term{"facility_kwh", "Energy of the GPUs and their hosts, times `prices.pue`."},
    Term{"joules_per_output_token", "Energy of the GPUs over all output tokens."},
    Term{"energy",
         "GPU power from idle power, TDP, busy, MBU and MFU, times time; with hosts and PUE "
         "`facility_kwh`."},
    Term{"rule",
         "How a step's time is split among the tokens it serves: phase (default), cause,\n"
         "occupancy, flops, output_only, blended. Each sums to the same bill. `cost.rule` names "
         "the leading one."},
    Term{"phase",
         "Cost rule: a step that serves prompts and output is split by the Shapley value of the\n"
         "two, part by part; KV reads are paid by the token that reads."},
    Term{"cause",
         "Cost rule: as phase, but KV reads are paid by the token that is read: a long prompt\n"
         "pays for what its cache costs all later output tokens."},
    Term{"occupancy", "Cost rule: busy time is shared by KV blocks held, times how long."},
    Term{"flops", "Cost rule: busy time is shared by useful floating-point operations."},
    Term{"per_million", "Cost of a million tokens of a type, idle time included."},
    Term{"bases", "What is paid for: `rental`, `owned`, `electricity`; `cost.bases`."},
    Term{"output_only", "Cost rule: everything is charged to output tokens."},
    Term{"blended", "Cost rule: every token costs the same. Also the bill over all tokens."},
    Term{"idle",
         "Replica time in which no step runs. Shown apart, then spread over the busy accounts in\n"
         "proportion: price per million tokens = busy + idle."},
    Term{"recompute", "Replica time spent on recomputed positions; treated like idle."},
    Term{
        "aborted",
        "Work for requests whose clients gave up (`timeout`), and its tokens: they are in none of\n"
        "the other counts; the replica time is treated like idle."},
    Term{"weights",
         "Cause of cost: streaming the weights, the part of a matrix product's time that a\n"
         "single token would cost."},
    Term{"compute", "Cause of cost: the rest of matrix products, and elementwise work."},
    Term{"attention_compute",
         "Cause of cost: attention, reads of the KV cache in decode left out."},
    Term{"kv_read_prompt", "Cause of cost: decode reads the KV cache of prompts."},
    Term{"kv_read_output", "Cause of cost: decode reads the KV cache of output tokens."},
    Term{"communication",
         "Cause of cost: all-reduce between the GPUs of a replica, its fixed latency left out."},
    Term{"overhead", "Cause of cost: fixed latencies of kernels, CPU time, sampling."},
    Term{"rental", "Price base: what the GPUs cost per hour from a provider (`prices.gpu`)."},
    Term{"preset",
         "A known engine at one version: its scheduler, limits and overheads. See\n"
         "`penstock catalog engines`."},
};

}  // namespace

std::span<const Term> terms() { return glossary; }

}  // namespace penstock::cli
