#include <algorithm>

#include "sim/core/int128.h"
#include "sim/metrics/summary.h"

namespace penstock {

namespace {

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

SpeculativeSummary speculative_summary(const Scenario& scenario, const Result& result) {
  SpeculativeSummary out;
  const SpeculativeSpec& spec = scenario.engine.speculative;
  double all = 1;
  for (const double p : spec.acceptance) {
    all *= p;
    out.acceptance_rate += all / static_cast<double>(spec.num_speculative_tokens());
  }
  // A preempted request's prefill brings out a token too.
  std::int64_t decoded = 0;
  for (const RequestRecord& request : result.requests) {
    const std::int64_t tokens = request.output_tokens;
    decoded += std::max<std::int64_t>(0, tokens - 1 - request.preemptions);
  }
  Int128 output = 0;
  for (const LedgerTotals::ClassAccounts& accounts : result.ledger.classes) {
    for (const Int128 ps : accounts.accounts[static_cast<std::size_t>(TokenType::output)]) {
      output += ps;
    }
  }
  const DraftTotals& drafts = result.drafts;
  const double busy = to_double(result.ledger.wall - result.ledger.idle);
  out.tokens_per_step =
      share(static_cast<double>(decoded), static_cast<double>(drafts.sequence_steps));
  out.draft_time_share = share(to_double(drafts.draft_ps), busy);
  out.rejected_cost_share = share(to_double(drafts.rejected_ps), to_double(output));
  return out;
}

}  // namespace penstock
