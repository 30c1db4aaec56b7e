#include "sim/cost/bill.h"
#include "sim/metrics/summary.h"
#include "sim/simulation.h"
#include "tests/bench/load.h"

/// What the compiler sees of the engine before it lays out its code (CMakeLists.txt): a busy
/// replica with prompts coming in, and full batches of decodes.
int main() {
  using namespace penstock;
  struct Load {
    double rate = 0;
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t max_num_seqs = 0;
  };
  std::uint64_t completed = 0;
  for (const Load& load : {Load{8, 1500, 200, 256}, Load{1e6, 64, 200, 64}}) {
    Scenario scenario = llama_70b_fp8();
    scenario.engine.max_num_seqs = load.max_num_seqs;
    Drawn source(load.rate, 20'000, load.input, load.output);
    const Result result = simulate(scenario, source);
    completed += make_bill(scenario, result).total_nano > 0
                     ? summarize(scenario, result).requests.completed
                     : 0;
  }
  return completed == 40'000 ? 0 : 1;
}
