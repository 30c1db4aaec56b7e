#include "tools/output/cost_tree.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "tools/output/text.h"

namespace penstock::output {
namespace {

/// GPU time in hours, and what it costs.
struct Quantity {
  double gpu_hours = 0;
  double amount = 0;

  Quantity& operator+=(const Quantity& more) {
    gpu_hours += more.gpu_hours;
    amount += more.amount;
    return *this;
  }
  Quantity operator*(double factor) const { return {gpu_hours * factor, amount * factor}; }
};

struct Leaf {
  std::string name;
  Quantity quantity;
};

struct Branch {
  std::string name;
  double tokens = 0;
  Quantity sum;
  std::vector<Leaf> leaves;

  void add(std::string leaf, const Quantity& quantity) {
    sum += quantity;
    leaves.push_back({std::move(leaf), quantity});
  }
};

struct CauseName {
  const char* cause;
  const char* text;
};
constexpr std::array cause_names{CauseName{"compute", "GEMM compute"},
                                 CauseName{"attention_compute", "attention compute"},
                                 CauseName{"kv_read_prompt", "reads of prompt KV"},
                                 CauseName{"kv_read_output", "reads of output KV"},
                                 CauseName{"recompute", "recomputed"},
                                 CauseName{"aborted", "aborted requests"}};

std::string name_of(const std::string& cause) {
  for (const CauseName& known : cause_names) {
    if (cause == known.cause) {
      return known.text;
    }
  }
  return cause;
}

Quantity quantity_of(const RunOutput& run, const BillAccount& account) {
  return {account_gpu_hours(run, account), static_cast<double>(account.nano) / 1e9};
}

/// A branch per token type that pays; one without a name for everything where none does.
std::vector<Branch> branches_of(const RunOutput& run) {
  static constexpr std::array names{"input", "cached input", "output"};
  const TokenCounts& tokens = run.summary.tokens;
  const std::array counts{tokens.input, tokens.cached_input, tokens.output};
  std::array<Branch, token_type_count> types;
  Branch nobody;
  double busy = 0;
  for (const BillAccount& account : run.summary.bill.accounts) {
    if (account.time == 0) {
      continue;
    }
    const Quantity quantity = quantity_of(run, account);
    busy += account.token ? quantity.gpu_hours : 0;
    Branch& branch = account.token ? types[static_cast<std::size_t>(*account.token)] : nobody;
    branch.add(name_of(account.cause), quantity);
  }
  if (busy <= 0) {
    nobody.name = "no token";
    return {nobody};
  }
  std::vector<Branch> branches;
  for (std::size_t type = 0; type < token_type_count; ++type) {
    Branch& branch = types[type];
    if (branch.leaves.empty()) {
      continue;
    }
    branch.name = names[type];
    branch.tokens = static_cast<double>(counts[type]);
    const double share = branch.sum.gpu_hours / busy;
    for (const Leaf& apart : nobody.leaves) {
      branch.add(apart.name, apart.quantity * share);
    }
    branches.push_back(std::move(branch));
  }
  return branches;
}

}  // namespace

double account_gpu_hours(const RunOutput& run, const BillAccount& account) {
  return static_cast<double>(account.time) * run.scenario.cluster.tensor_parallel / 3.6e15;
}

std::vector<std::string> cost_tree_head(const RunOutput& run) {
  const PriceSpec& prices = run.scenario.prices;
  return {"GPU-h", "× " + money(prices.gpu_per_hour, prices.currency),
          currency_sign(prices.currency) + "/M", "share"};
}

std::vector<CostTreeRow> cost_tree_rows(const RunOutput& run) {
  const std::string& currency = run.scenario.prices.currency;
  const std::vector<Branch> branches = branches_of(run);
  Quantity bill;
  double tokens = 0;
  for (const Branch& branch : branches) {
    bill += branch.sum;
    tokens += branch.tokens;
  }
  const auto row = [&](int depth, const std::string& name, const Quantity& q, double of) {
    const double share = bill.gpu_hours > 0 ? q.gpu_hours / bill.gpu_hours : 0;
    return CostTreeRow{depth,
                       name,
                       {figure(q.gpu_hours), money(q.amount, currency),
                        of > 0 ? price_figure(q.amount / of * 1e6) : "-", percent(share)}};
  };
  std::vector<CostTreeRow> rows{row(0, "bill", bill, tokens)};
  for (const Branch& branch : branches) {
    rows.push_back(row(1, branch.name, branch.sum, branch.tokens));
    for (const Leaf& leaf : branch.leaves) {
      rows.push_back(row(2, leaf.name, leaf.quantity, branch.tokens));
    }
  }
  return rows;
}

std::string cost_tree_basis(const RunOutput& run) {
  const PriceSpec& prices = run.scenario.prices;
  std::string text = fmt::format("rule {}; {} per GPU-hour", to_string(run.summary.bill.rule),
                                 money(prices.gpu_per_hour, prices.currency));
  // Who says so in full stands on the line of the price.
  const std::string source = printable(prices.source.substr(0, prices.source.find(':')));
  return source.empty() ? text : text + ": " + source;
}

}  // namespace penstock::output
