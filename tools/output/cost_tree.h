#pragma once

#include <string>
#include <vector>

#include "tools/output/run_output.h"

namespace penstock::output {

/// One line of the bill as a tree: bill, token type, cause. Leaves sum to their branch, branches to
/// the bill; what is idle or recomputed is spread over the token types as their busy time is.
struct CostTreeRow {
  int depth = 0;                    ///< 0 the bill, 1 a token type, 2 a cause
  std::string name;                 ///< "reads of prompt KV"
  std::vector<std::string> values;  ///< as cost_tree_head() names them
};

/// GPU time of an account, hours.
double account_gpu_hours(const RunOutput& run, const BillAccount& account);

/// "GPU-h", "× $2.50", "$/M", "share": quantity, quantity × unit price, per million tokens of the
/// branch, share of the bill.
std::vector<std::string> cost_tree_head(const RunOutput& run);

/// The leading rule's accounts as a tree. Causes of no weight are left out.
std::vector<CostTreeRow> cost_tree_rows(const RunOutput& run);

/// The rule, and where the unit price comes from: "rule phase; $2.50 per GPU-hour: given in the
/// file".
std::string cost_tree_basis(const RunOutput& run);

}  // namespace penstock::output
