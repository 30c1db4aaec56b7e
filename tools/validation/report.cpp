#include "tools/validation/report.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <stdexcept>

#include "tools/calibrate/measurement.h"
#include "tools/validation/kernels.h"
#include "tools/validation/leave_out.h"
#include "tools/validation/power.h"
#include "tools/validation/replay.h"
#include "tools/validation/step_vectors.h"
#include "tools/validation/systems.h"
#include "tools/validation/unfitted.h"

namespace penstock {
namespace {

constexpr std::string_view head =
    R"md(<!-- Generated: penstock_validate DATA_DIR docs/images > docs/validation.md -->
# How far to trust it

Three questions: is the code the maths, is the model the world, and where does it stop holding?
The tables of errors are computed by this build from published measurements (sources beside them;
the measurements are not part of the project). Nothing was tuned for this page. Errors are
(simulated − measured) / measured.

## 1. Verification: is the code the maths?

The tests run with `sh tools/test`; only the table of steps is computed here.

)md";

struct Verified {
  std::string_view what;
  std::string_view against;
  std::string_view where;
};

constexpr std::array<Verified, 6> verified{
    {{"scheduling, chunking, preemption, admission",
      "golden traces of an independent miniature implementation, equal to the picosecond",
      "`tests/oracle/golden_traces_test.cpp`"},
     {"the time of every token",
      "a naive simulator written from the rules alone, 12,000 random small loads, equal to the "
      "picosecond",
      "`tests/oracle/engine_vs_reference_test.cpp`"},
     {"the fast path and leaping",
      "the same run with both switched off, 3,000 random loads, everything equal",
      "`tests/oracle/engine_vs_reference_test.cpp`"},
     {"queues and closed loops", "closed forms: M/D/1, infinite server, N clients, round robin",
      "`tests/oracle/queueing_test.cpp`"},
     {"conservation, causality, Little's law, the ledger", "laws on random loads", "`tests/law/`"},
     {"the time of a step, operator by operator",
      "vectors of an independent implementation of the same formulas, to 1e-6",
      "`tests/unit/step_vectors_test.cpp`; whole steps in the table below"}}};

std::string verification_table() {
  std::string out = "| what | against what | where |\n|---|---|---|\n";
  for (const Verified& row : verified) {
    out += fmt::format("| {} | {} | {} |\n", row.what, row.against, row.where);
  }
  return out + "\n";
}

constexpr std::string_view replay_head = R"md(
## 2. Validation: is the model the world?

### 2a. A real run, request by request

vLLM 0.19.0 in-process, Llama-3.1-8B in bf16 on one RTX PRO 6000, max_num_seqs 128,
max_num_batched_tokens 2048: 300 ShareGPT requests at about 10 per second
(casys-kaist/LLMServingSim @5daddb21, `bench/examples/RTXPRO6000/Llama-3.1-8B/vllm`). The same
requests arrive when the engine queued them; preset `vllm-0.19`. vLLM 0.19 schedules asynchronously
by default, so that is the column to compare; the other one shows what the rule is worth. The GEMM
and attention parameters are fitted to kernels of this GPU from the same project, the engine's
factors to other systems; the run itself was used to check, not to fit. Its KV pool did not bind.

)md";

constexpr std::string_view starved_head = R"md(
The same workload file on an RTX 4090, whose KV pool holds about 30 of the 128 sequences allowed,
so that requests are preempted (`bench/examples/RTX4090/Llama-3.1-8B/vllm`; max_model_len 32768,
async). Only its statistics are at hand, and the arrivals of the run above stand for its own. No
parameter is known to have been fitted to it. Simulated with the block count that vLLM logged,
and with ours. vLLM has a prefix cache by default, in which a preempted request may find its own
blocks; here it computes them again.

)md";

constexpr std::string_view kernels_head = R"md(
### 2b. Single kernels

The formulas with parameters fitted to kernels alone; the shipped ones of A100 and Hopper were then
moved to fit whole systems. Sources: microsoft/vidur profiles, casys-kaist/LLMServingSim profiles
(v0, v1). **In-sample**, or close to it: the fits used this same table, and which models each left
out is not recorded. The last column is the error on models left out of a fit, as published with
the parameters. Two sources disagree about the same H100: see their biases. On the RTX PRO 6000 the
small matrices of Qwen3-30B-A3B (attention projections, LM head) carry most of the GEMM error.

)md";

constexpr std::string_view leave_out_head = R"md(
Kernels that a fit has not seen. Fits of this build, from the parameters of a GPU without
measurements, to the same tables; then with each model of the GPU left out, and for a GPU left out
the mean parameters of all others, as fractions of its own peaks. Attention was measured whole on
two GPUs only, so that each stands in for the other.

)md";

constexpr std::string_view systems_head = R"md(
### 2c. Whole systems

Published results that this version can simulate: models of the catalogue on the engines that it
has. Seed 1. Most points are **in-sample**: what was fitted to which is said with each source.
Errors over all families leave out InferenceX (its figures count a start-up) and the second reading
of vllm-cost-meter; both readings of ML.ENERGY count.

)md";

constexpr std::string_view unfitted_head = R"md(
### 2e. Whole systems that nothing was fitted to

More of ML.ENERGY's batch sweeps: vLLM 0.11.1 at a fixed number of running sequences
(ml-energy/leaderboard @0ea52b6a, public/data/tasks; kept in docs/measured). Models, tasks and GPUs
that section 2c has are left out, so that no parameter has seen these points: **out of sample**, but
for two decisions. That experts in MXFP4 are as efficient as in bf16 on vLLM, not as on
TensorRT-LLM, was read off gpt-oss on H100 here (43 % before); that kernels of Mamba-2 stream their
states without attention's time per sequence and head, off Nemotron (34 % at 256 sequences before, 3
% now); no number was. What ran is in ml-energy/benchmark @60f99ccf: tensor parallelism on all GPUs
that are named, experts spread over the same ones (gpt-oss: cut like everything else), Mamba's
states in float32, asynchronous scheduling, top-p 0.95 and a repetition penalty of 1.1, one to eight
API servers (here one). Prompts, which are not published, have 200 tokens, outputs are uniform
around the published mean; ITL and throughput are those of the steady state (the published
throughput is the published power over the energy per token, both of the steady state). `vllm-0.11`.
Two runs of a configuration differ by up to 6 %. Meta's Llama-3.1-405B in fp8 leaves attention in
bf16 (The Llama 3 Herd of Models, section 6.2) and is simulated so; all in fp8 its medians would be
9.2 and 19.6 %.

What the errors say: dense models in bf16 hold on H100 (1 to 12 %) and to batch 512 on B200.
Llama-4-Scout's experts, 16 wide ones in bf16, are 20 to 40 % too fast: few experts a GPU, and no
kernel tuned for them. gpt-oss on B200 is 25 to 60 % too slow: it ran with fused kernels of
FlashInfer and, in the latest of its configurations, with eight API servers. Beyond 1,000 sequences
one API server decides here, and did not there. The time per sequence (42 microseconds) is a mean:
on H100 to batch 256 it is 35 to 43 with a vocabulary of 128,000 (Llama), 52 to 63 with 152,000
(Qwen3), 57 to 82 with 262,000 (Gemma 3), as if top-p sorted it; greedy traffic may wait less.
**Doubtful**, in none of the first rows: one-GPU runs of gpqa in bf16 on B200 take 17 to 35 ms a
token at batch 8 whatever the model, up to six times what they take with chat.

)md";

constexpr std::string_view unfitted_rates_head = R"md(
**At a rate.** vLLM 0.8.5 on rented servers, 200 ShareGPT prompts at 1 to 32 requests/s, fp16
(IOG-Foundation/llm-inference-benchmarks @4990a807, results; kept in docs/measured): models and GPUs
that 2c does not have. Lengths are drawn around the published means as ShareGPT's spread,
`vllm-0.8-api`. **Out of sample**, but for one decision and one number: two 70B cards in 16 bits
have `gpu_memory_utilization` 0.95, as nothing fits otherwise; and the time of a small all-reduce
between RTX 4090s, which have no peer access, was tripled after these points (75 to 135
microseconds: TPOT was 34 % too low). Not counted are 32 requests/s, where 200 drawn lengths decide,
and runs on several cards that take 0.35 to 12 s to the first of 200 tokens: there the last blocks
(70B on two H100) or, at one request a second too, the way to the client (RTX 4090) are what they
measure. On that host a step of a model of 1.5e9 parameters takes 11 ms, on the H100's 4 ms: the
processor decides, which no key of a GPU can know. The fp8 model on two H100 runs as if a bridge
joined them.

)md";

constexpr std::string_view unfitted_offline_head = R"md(
**Offline.** The rows of NVIDIA's tables that 2c does not have (TensorRT-LLM 0.14, 0.20, 1.0 and
1.2, perf-overview.md of four commits; kept in docs/measured, with each row's source): more models
(Llama-3.1-405B, Llama-4-Scout, Mixtral, Qwen3-30B, gpt-oss-120b, DeepSeek-R1) and GPUs (A100 PCIe,
L40S, GB200). As many equal requests as those pages say, all there at 0; the largest batch, which
they do not, is 2,048; prompts of 8,192 tokens or more are cut. Experts are cut by tensor
parallelism before 1.0, then spread, with attention on ranks; stages where the row has them (PP).
**Out of sample**, but for what was read off them: over PCIe dispatch and combine reach what
collectives reach (eight RTX PRO 6000 were 65 % too slow with the third of it that they reach over
NVLink), and collectives over PCIe 4 reach 15 GB/s (guesses of 20 for A100, 43 % too fast on eight,
and 10 for L40S, 21 % too slow), and the experts of 0.14 read 75 % of peak bandwidth (1.0's 46 %
before: Mixtral 10 % too slow).

What the errors say: one GPU alone, dense, is met within 2 to 8 %, L40S among them, whose parameters
were assumed. Qwen3-30B on a GB200 is faster here than published, where it is slower than on a B200:
its host. fp16 70B on eight H100 or A100 is 10 to 20 % too fast. If the switch added what
all-reduces send (NVLS), 0.14's rows on eight Hopper GPUs would be 9 % off in the median instead of
14, but its rows in 2c and those of 0.20 and 1.0 further off than they are: not adopted. Maverick in
nvfp4 on four GPUs is 25 % too slow, wide experts in fp8 (Scout) 15 to 20 % too fast. On RTX PRO
6000 experts take too long: at 75 % of its bandwidth, which is a fifth of a B200's at more SMs,
instead of the 46 % that the preset has for all GPUs, the median of its 99 rows would be 12.7 %, but
nothing else supports it. Ranks with stages there are off by 12 to 36 %: long answers too slow for
that reason, the shortest requests too fast. Where hardly any room for KV is left (70B in fp8 on one
H100) a few blocks more are half the throughput.

)md";

constexpr std::string_view power_head = R"md(
### 2d. Power and energy

What a GPU draws, from its utilization: W = min(TDP, idle + TDP (0.06 + 0.43 busy + 0.15 MBU +
1.0 MFU)), with the catalogue's idle power and MBU and MFU of the hardware's peaks. Two of the four
numbers (busy, MFU) were fitted, to all points of ML.ENERGY below at once, with both lengths of
prompts, but for the first, which contradicts its source (2c): **in-sample**. 0.15 was set to what
HBM draws at full bandwidth, and 0.06 to what a loaded model adds to idle power (40 W of an H100).
Power of GPUs alone, per GPU; a GPU's utilization is the simulated one, so that an error of
throughput is in the energy of a token too. vllm-cost-meter was not fitted to: **out of sample**.
Its measured power falls as load rises above 5/s, which no utilization of ours does.

)md";

constexpr std::string_view tail = R"md(
## 3. Uncertainty: where does it stop holding?

- **Power** is within 22 % of all points of H100 and B200 that it was fitted to, half of them within
  9 %, and up to 41 % off another source; any other GPU is taken to have their shares of its own
  TDP. Hosts are 40 % on top, after one measured server.
- **Little room for KV** (weights above 85 % of memory): 20–50 % off, as a few hundred blocks more
  or less decide. Give `engine.num_gpu_blocks_override` the count from the engine's log; see the
  RTX 4090 above.
- **Tensor parallel over PCIe**: all-reduces of A100 and L40S are fitted to TensorRT-LLM on 4 and 8
  of them, small ones without peer access to RTX 4090s (both 2e), whose large ones, in prompts,
  differ ninefold between two rented servers. All other cards have these values: a factor of 1.5–2.
- **Above 85 % of capacity** queues are unstable: capacity itself is good to about 15 %, a latency
  there is a draw, not a prediction.
- **TTFT seen by clients**: `engine.front_end_latency` (HTTP, tokeniser, hand-over; 2 to 14 ms in
  the presets of servers, from the points of 2c) is a constant that differs by 12 ms between two
  servers of the same engine. Its queue under load is not modelled: TTFT is 20–70 % below the
  measured one where requests come faster than they are served.
- **The CPU decides** on small models and fast GPUs. Where it takes over 30 % of the step,
  `penstock explain` says so. Time per step and per sequence are fits to one API server process, and
  a slow host is not known: a model of 1.5e9 parameters on an RTX 4090 is twice too fast (2e).
- **GPUs**: `penstock catalog gpus NAME` says what a GPU's timing rests on: kernels, whole systems,
  the datasheet alone (8–10 % per operator on data-centre cards, 13–15 % on GeForce), or
  assumption. Prefill attention does not carry over between GPUs (31 %).
- **fp8 in vLLM** has quantisation kernels that are in no operator; power caps lower clocks, which
  is not modelled.
- **Long contexts, large batches**: beyond what was measured the formulas extrapolate; a run's
  `confidence` says when.
- **Experts**: compared in 2c and 2e on one GPU and spread over 2 to 8 under tensor parallelism;
  cut by it only in points that count their start-up (InferenceX) and in gpt-oss; attention on ranks
  with prompts alone, over 32 of four servers. In fp8 they take 121 microseconds a layer more than
  their bytes and FLOP say (vLLM 0.11, 2c), later versions and other engines may not. Few wide
  experts on a GPU (Llama-4-Scout) are 20 to 40 % too fast. Speculative decoding is compared
  nowhere.
- **Stages of layers** (pipeline parallelism): compared in 2c for TensorRT-LLM at full load, on one
  kind of GPU without a fast link, with parameters fitted to these points. vLLM's, latencies, low
  load and stages on several servers are compared nowhere.
- **Not built, so nothing is claimed**: disaggregation.
- **The measurements**: the same configuration, published twice within a week, differs up to
  twofold; repeats in one lab by 1 % of throughput and up to 9 % of TTFT. Below 10 % of throughput
  and 20 % of TTFT, this page measures its sources too.
)md";

}  // namespace

namespace {

std::vector<calibrate::KernelTime> read_kernel_times(const std::filesystem::path& data) {
  calibrate::ReadMeasurement read =
      calibrate::read_measurement((data / "measured_kernels.csv").string());
  if (has_errors(read.diagnostics)) {
    throw std::runtime_error("measured_kernels.csv: " + read.diagnostics.front().message);
  }
  return std::move(read.measurement.kernels);
}

}  // namespace

ValidationReport validation_report(const std::filesystem::path& data,
                                   const std::filesystem::path& unfitted) {
  std::ifstream kernels(data / "measured_kernels.csv");
  if (!kernels) {
    throw std::runtime_error("cannot read measured_kernels.csv in " + data.string());
  }
  ValidationReport report;
  std::string& out = report.page;
  const auto add = [&out](std::string_view prose, const std::string& table) {
    out += prose;
    out += table;
  };
  add(head, verification_table() + step_vector_table(data / "step_vectors.json"));
  add(replay_head, replay_section(data));
  add(starved_head, starved_replay_section(data));
  add(kernels_head, kernel_table(compare_kernels(kernels)));
  add(leave_out_head, leave_out_section(read_kernel_times(data)));
  add(systems_head, systems_section(data / "measured_end_to_end.csv", report.images));
  add(power_head, power_section(data / "measured_end_to_end.csv"));
  if (!unfitted.empty()) {
    add(unfitted_head, unfitted_section(unfitted / "ml_energy_2025_12.csv"));
    add(unfitted_rates_head,
        unfitted_rates_section(unfitted / "llm_inference_benchmarks_2025_06.csv"));
    add(unfitted_offline_head, unfitted_offline_section(unfitted / "tensorrt_llm_2025.csv"));
  }
  add(tail, "");
  return report;
}

}  // namespace penstock
