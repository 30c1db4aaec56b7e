#include "sim/cost/bill.h"

#include <cmath>

#include "sim/core/assert.h"
#include "sim/cost/apportion.h"

namespace penstock {
namespace {

using TypeAccounts = std::array<LedgerTotals::ByCause, token_type_count>;
using TokenTotals = std::array<std::int64_t, token_type_count>;
using ClassAccounts = LedgerTotals::ClassAccounts;

/// The rules that are built, in the order of the output.
constexpr std::array built_rules{CostRule::phase, CostRule::cause, CostRule::output_only,
                                 CostRule::blended};

constexpr std::size_t index(TokenType type) { return static_cast<std::size_t>(type); }
constexpr std::size_t index(Cause cause) { return static_cast<std::size_t>(cause); }

TokenTotals tokens_of(const ClassAccounts& traffic) {
  return {traffic.input_tokens, traffic.cached_input_tokens, traffic.output_tokens};
}

Int128 sum_of(const LedgerTotals::ByCause& causes) {
  Int128 sum = 0;
  for (const Int128 time : causes) {
    sum += time;
  }
  return sum;
}

/// Busy time per class, token type and cause under one rule: the same sum under every rule.
struct RuleLedger {
  std::vector<TypeAccounts> classes;
  LedgerTotals::ByCause unassigned{};  ///< nobody is there to pay (no output token yet, ...)
};

/// The reading of prompts is paid by the token that is read, not by the one that reads. Without
/// prefix caching all of a prompt is computed input; a hit prefix would take its share.
TypeAccounts charge_the_read(TypeAccounts accounts) {
  Int128& read = accounts[index(TokenType::output)][index(Cause::kv_read_prompt)];
  accounts[index(TokenType::input)][index(Cause::kv_read_prompt)] += read;
  read = 0;
  return accounts;
}

/// Splits the busy time of all classes, cause by cause, by numbers of tokens alone.
RuleLedger charge_tokens(const LedgerTotals& ledger, bool output_only) {
  std::vector<Int128> weights;
  Int128 weight = 0;
  LedgerTotals::ByCause totals{};
  for (const ClassAccounts& traffic : ledger.classes) {
    const TokenTotals tokens = tokens_of(traffic);
    for (std::size_t type = 0; type < token_type_count; ++type) {
      const bool counts = !output_only || type == index(TokenType::output);
      weights.push_back(counts ? tokens[type] : 0);
      weight += weights.back();
      for (std::size_t cause = 0; cause < cause_count; ++cause) {
        totals[cause] += traffic.accounts[type][cause];
      }
    }
  }
  RuleLedger result;
  result.classes.resize(ledger.classes.size());
  if (weight == 0) {
    result.unassigned = totals;
    return result;
  }
  for (std::size_t cause = 0; cause < cause_count; ++cause) {
    const std::vector<Int128> parts = apportion(totals[cause], weights);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      result.classes[i / token_type_count][i % token_type_count][cause] = parts[i];
    }
  }
  return result;
}

RuleLedger apply_rule(const LedgerTotals& ledger, CostRule rule) {
  if (rule == CostRule::output_only || rule == CostRule::blended) {
    return charge_tokens(ledger, rule == CostRule::output_only);
  }
  PENSTOCK_ASSERT(rule_is_built(rule));
  RuleLedger result;
  for (const ClassAccounts& traffic : ledger.classes) {
    result.classes.push_back(rule == CostRule::cause ? charge_the_read(traffic.accounts)
                                                     : traffic.accounts);
  }
  return result;
}

/// Cost per million tokens when each type's share of `wall` pays its share of `amount`.
struct Pricing {
  double amount = 0;  ///< dollars
  Int128 time = 0;    ///< that cost `amount`

  std::optional<double> per_million(Int128 share, std::int64_t tokens) const {
    if (tokens == 0 || time == 0) {
      return std::nullopt;
    }
    return amount * (to_double(share) / to_double(time)) / static_cast<double>(tokens) * 1e6;
  }

  PerMillion table(const std::array<Int128, token_type_count>& shares,
                   const TokenTotals& tokens) const {
    PerMillion result;
    Int128 share = 0;
    std::int64_t all = 0;
    for (std::size_t type = 0; type < token_type_count; ++type) {
      result.by_type[type] = per_million(shares[type], tokens[type]);
      share += shares[type];
      all += tokens[type];
    }
    result.blended = per_million(share, all);
    return result;
  }
};

std::optional<double> difference(std::optional<double> a, std::optional<double> b) {
  return a && b ? std::optional<double>(*a - *b) : std::nullopt;
}

/// Total busy time, tokens and their sums per type, over all classes.
struct Totals {
  Int128 busy = 0;
  TokenTotals tokens{};
};

Totals total_of(const LedgerTotals& ledger) {
  Totals totals;
  Int128 recompute = 0;
  for (const ClassAccounts& traffic : ledger.classes) {
    const TokenTotals tokens = tokens_of(traffic);
    for (std::size_t type = 0; type < token_type_count; ++type) {
      totals.busy += sum_of(traffic.accounts[type]);
      totals.tokens[type] += tokens[type];
    }
    recompute += traffic.recompute;
  }
  PENSTOCK_ASSERT(totals.busy + recompute + ledger.idle == ledger.wall);
  return totals;
}

std::array<Int128, token_type_count> by_type(const RuleLedger& rule) {
  std::array<Int128, token_type_count> sums{};
  for (const TypeAccounts& accounts : rule.classes) {
    for (std::size_t type = 0; type < token_type_count; ++type) {
      sums[type] += sum_of(accounts[type]);
    }
  }
  return sums;
}

/// The rows of one rule with their time, before money.
struct TimedRows {
  std::vector<LedgerRow> rows;
  std::vector<BillAccount> accounts;  ///< of each row
  std::vector<Int128> times;

  void add(const std::string& class_name, std::optional<TokenType> token, const char* cause,
           CostRule rule, Int128 time) {
    rows.push_back({class_name, token ? to_string(*token) : "", cause, to_string(rule), 0});
    accounts.push_back({token, cause, 0});
    times.push_back(time);
  }
};

TimedRows make_rows(const Scenario& scenario, const LedgerTotals& ledger, const RuleLedger& split,
                    CostRule rule) {
  TimedRows table;
  for (std::size_t c = 0; c < split.classes.size(); ++c) {
    const std::string& name = scenario.workload.classes.at(c).name;
    for (std::size_t type = 0; type < token_type_count; ++type) {
      for (std::size_t cause = 0; cause < cause_count; ++cause) {
        const Int128 time = split.classes[c][type][cause];
        if (time > 0) {
          table.add(name, static_cast<TokenType>(type), to_string(static_cast<Cause>(cause)), rule,
                    time);
        }
      }
    }
  }
  for (std::size_t cause = 0; cause < cause_count; ++cause) {
    if (split.unassigned[cause] > 0) {
      table.add("", std::nullopt, to_string(static_cast<Cause>(cause)), rule,
                split.unassigned[cause]);
    }
  }
  table.add("", std::nullopt, "idle", rule, ledger.idle);
  for (std::size_t c = 0; c < ledger.classes.size(); ++c) {
    table.add(scenario.workload.classes.at(c).name, std::nullopt, "recompute", rule,
              ledger.classes[c].recompute);
  }
  return table;
}

/// Adds an amount to the account of the same token and cause, over classes.
void add_account(const BillAccount& account, std::vector<BillAccount>& accounts) {
  for (BillAccount& known : accounts) {
    if (known.token == account.token && known.cause == account.cause) {
      known.nano += account.nano;
      return;
    }
  }
  accounts.push_back(account);
}

void price_rows(TimedRows table, bool leading, Bill& bill) {
  const std::vector<Int128> amounts = apportion(bill.total_nano, table.times);
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const auto nano = static_cast<std::int64_t>(amounts[i]);
    table.rows[i].nano = nano;
    table.accounts[i].nano = nano;
    bill.ledger.push_back(std::move(table.rows[i]));
    if (leading) {
      add_account(table.accounts[i], bill.accounts);
    }
  }
}

/// The numbers of the leading rule: per million, per class, per request.
void fill_leading(const LedgerTotals& ledger, const RuleLedger& split, const Totals& totals,
                  Bill& bill) {
  const Pricing loaded{bill.total, totals.busy};
  const Pricing bare{bill.total, ledger.wall};
  bill.per_million = loaded.table(by_type(split), totals.tokens);
  bill.busy_per_million = bare.table(by_type(split), totals.tokens);
  for (std::size_t type = 0; type < token_type_count; ++type) {
    bill.idle_per_million.by_type[type] =
        difference(bill.per_million.by_type[type], bill.busy_per_million.by_type[type]);
  }
  bill.idle_per_million.blended =
      difference(bill.per_million.blended, bill.busy_per_million.blended);
  for (std::size_t c = 0; c < split.classes.size(); ++c) {
    std::array<Int128, token_type_count> shares{};
    Int128 share = 0;
    for (std::size_t type = 0; type < token_type_count; ++type) {
      shares[type] = sum_of(split.classes[c][type]);
      share += shares[type];
    }
    ClassBill& traffic = bill.classes.emplace_back();
    traffic.per_million = loaded.table(shares, tokens_of(ledger.classes[c]));
    traffic.total = totals.busy > 0 ? bill.total * (to_double(share) / to_double(totals.busy)) : 0;
  }
}

/// Tokens of a request that pay under a rule that counts tokens only.
std::int64_t paying_tokens(CostRule rule, const RequestRecord& request) {
  if (request.status == RequestStatus::rejected || request.first_scheduled.ps < 0) {
    return 0;
  }
  const std::int64_t input = request.status == RequestStatus::completed
                                 ? request.input_tokens
                                 : request.computed_input_tokens;
  const std::int64_t output = request.output_tokens;
  return rule == CostRule::output_only ? output : input + output;
}

/// `charged`: the busy time that requests are charged with.
void fill_request_prices(const Result& result, Int128 charged, Bill& bill) {
  if (bill.rule == CostRule::output_only || bill.rule == CostRule::blended) {
    std::int64_t tokens = 0;
    for (const RequestRecord& request : result.requests) {
      tokens += paying_tokens(bill.rule, request);
    }
    bill.per_token = tokens > 0 ? bill.total / static_cast<double>(tokens) : 0.0;
  }
  bill.per_busy_ps = charged > 0 ? bill.total / to_double(charged) : 0.0;
}

/// GPUs x time x price in nano-dollars, rounded once.
std::int64_t total_nano(const Scenario& scenario, const Result& result) {
  constexpr double ps_per_hour_and_nano = 3.6e15 / 1e9;
  const Int128 gpu_ps = result.ledger.wall * scenario.cluster.tensor_parallel;
  const double nano = to_double(gpu_ps) * scenario.prices.gpu_per_hour / ps_per_hour_and_nano;
  PENSTOCK_ASSERT(nano >= 0 && nano < 9.2e18);
  return std::llround(nano);
}

}  // namespace

Bill make_bill(const Scenario& scenario, const Result& result) {
  const LedgerTotals& ledger = result.ledger;
  const Totals totals = total_of(ledger);
  Bill bill;
  bill.rule = scenario.prices.rule;
  bill.total_nano = total_nano(scenario, result);
  bill.total = static_cast<double>(bill.total_nano) / 1e9;
  bill.gpu_hours = to_double(ledger.wall * scenario.cluster.tensor_parallel) / 3.6e15;
  for (const CostRule rule : built_rules) {
    const RuleLedger split = apply_rule(ledger, rule);
    const Pricing loaded{bill.total, totals.busy};
    bill.rules.push_back({rule, loaded.table(by_type(split), totals.tokens)});
    price_rows(make_rows(scenario, ledger, split, rule), rule == bill.rule, bill);
    if (rule == bill.rule) {
      fill_leading(ledger, split, totals, bill);
    }
  }
  fill_request_prices(result, totals.busy - ledger.uncharged, bill);
  return bill;
}

double request_cost(const Bill& bill, const RequestRecord& request) {
  if (bill.rule == CostRule::output_only || bill.rule == CostRule::blended) {
    return bill.per_token * static_cast<double>(paying_tokens(bill.rule, request));
  }
  return bill.per_busy_ps * static_cast<double>(request.busy_ps);
}

const char* to_string(CostRule rule) {
  switch (rule) {
    case CostRule::phase:
      return "phase";
    case CostRule::cause:
      return "cause";
    case CostRule::occupancy:
      return "occupancy";
    case CostRule::flops:
      return "flops";
    case CostRule::output_only:
      return "output_only";
    case CostRule::blended:
      return "blended";
  }
  return "";
}

bool rule_is_built(CostRule rule) { return rule != CostRule::occupancy && rule != CostRule::flops; }

}  // namespace penstock
