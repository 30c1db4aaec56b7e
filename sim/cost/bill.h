#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// Dollars (of the scenario's currency) per million tokens of each type; absent where no such
/// token was served.
struct PerMillion {
  std::array<std::optional<double>, token_type_count> by_type;
  std::optional<double> blended;  ///< the bill over all tokens served (input + cached + output)
};

/// One account of the leading rule. Integer nano-dollars: the accounts sum to the bill exactly, and
/// their time to the wall time of all replicas.
struct BillAccount {
  std::optional<TokenType> token;  ///< none: idle, recompute, aborted, or nobody is there to pay
  std::string cause;               ///< a Cause, or idle, recompute, aborted
  std::int64_t nano = 0;
  Int128 time = 0;  ///< replica time, ps
};

/// One row of ledger.csv: busy cost of a class, before idle, recompute and aborted are spread. The
/// rows of one rule sum to the bill exactly.
struct LedgerRow {
  std::string class_name;  ///< empty for idle
  std::string token;       ///< empty for those
  std::string cause;
  std::string rule;
  std::int64_t nano = 0;
};

struct RuleResult {
  CostRule rule = CostRule::phase;
  PerMillion per_million;  ///< fully loaded
};

struct ClassBill {
  double total = 0;  ///< fully loaded cost of the class
  PerMillion per_million;
};

/// What a run costs, and who pays: cost.md. Money leaves GPU time here and nowhere else.
struct Bill {
  std::int64_t total_nano = 0;
  double total = 0;
  double gpu_hours = 0;
  CostRule rule = CostRule::phase;
  PerMillion per_million;       ///< leading rule, fully loaded
  PerMillion busy_per_million;  ///< leading rule, without what is spread
  PerMillion idle_per_million;  ///< the difference: the amortised share
  std::vector<RuleResult> rules;
  std::vector<BillAccount> accounts;
  std::vector<LedgerRow> ledger;  ///< every rule that is built, one after the other
  std::vector<ClassBill> classes;
  /// Busy replica time, in ps, that each type pays for under the leading rule.
  std::array<Int128, token_type_count> busy_by_type{};
  /// Sum of what requests weigh under the leading rule, for request_cost().
  double weight = 0;
};

/// What a run cost, split by every rule that is built. Amounts are split by largest remainder, so
/// that the accounts sum to the bill exactly.
///
/// `flops` is left out where has_flop() is false: it must not be the leading rule then. Requires
/// classes of the ledger as in the scenario.
Bill make_bill(const Scenario& scenario, const Result& result);

/// The fully loaded cost of request `id` under the leading rule. They sum to the bill within 1e-9
/// (relative) if any request was served.
double request_cost(const Bill& bill, const Result& result, std::size_t id);

const char* to_string(CostRule rule);
/// False for a step model that knows no hardware: there is no rule `flops` then.
bool has_flop(const PeakTimes& peak);

}  // namespace penstock
