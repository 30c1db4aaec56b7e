#include "sim/cost/bill.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"
#include "sim/cost/apportion.h"
#include "sim/cost/flop_units.h"

namespace penstock {
namespace {

using TypeAccounts = std::array<LedgerTotals::ByCause, token_type_count>;
using TokenTotals = std::array<std::int64_t, token_type_count>;
using ClassAccounts = LedgerTotals::ClassAccounts;

constexpr std::array all_rules{CostRule::phase, CostRule::cause,       CostRule::occupancy,
                               CostRule::flops, CostRule::output_only, CostRule::blended};

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

/// Prompt positions that were computed for a request, each once.
std::int64_t computed_input(const RequestRecord& request) {
  return request.status == RequestStatus::completed ? request.input_tokens - request.cached_tokens
                                                    : request.computed_input_tokens;
}

/// Busy time per class, token type and cause under one rule: the same sum under every rule.
struct RuleLedger {
  std::vector<TypeAccounts> classes;
  LedgerTotals::ByCause unassigned{};  ///< nobody is there to pay (no output token yet, ...)
};

/// The reading of prompts is paid by the token that is read, computed or cached, not by the one
/// that reads.
TypeAccounts charge_the_read(const ClassAccounts& traffic) {
  TypeAccounts accounts = traffic.accounts;
  constexpr std::size_t cause = index(Cause::kv_read_prompt);
  Int128& read = accounts[index(TokenType::output)][cause];
  accounts[index(TokenType::input)][cause] += read - traffic.cached_read;
  accounts[index(TokenType::cached_input)][cause] += traffic.cached_read;
  read = 0;
  return accounts;
}

/// What token types weigh under a rule that splits the whole busy time at once.
using Weights = std::array<Int128, token_type_count>;

/// The weights of each class, which has done this work.
std::vector<Weights> weigh(const Result& result, const std::vector<FlopWork>& work, CostRule rule) {
  std::vector<Weights> weights;
  for (const ClassAccounts& traffic : result.ledger.classes) {
    const TokenTotals tokens = tokens_of(traffic);
    switch (rule) {
      case CostRule::output_only:
        weights.push_back({0, 0, tokens[index(TokenType::output)]});
        break;
      case CostRule::occupancy:
        weights.push_back(
            {traffic.input_block_ps, traffic.cached_block_ps, traffic.output_block_ps});
        break;
      case CostRule::flops:
        weights.push_back(FlopUnits(result.peak).of(work[weights.size()]));
        break;
      default:
        weights.push_back({tokens[0], tokens[1], tokens[2]});
    }
  }
  return weights;
}

/// Splits the busy time of all classes, cause by cause, by weights.
RuleLedger charge_weights(const LedgerTotals& ledger, const std::vector<Weights>& by_class) {
  std::vector<Int128> weights;
  Int128 weight = 0;
  LedgerTotals::ByCause totals{};
  for (std::size_t c = 0; c < ledger.classes.size(); ++c) {
    for (std::size_t type = 0; type < token_type_count; ++type) {
      weights.push_back(by_class[c][type]);
      weight += weights.back();
      for (std::size_t cause = 0; cause < cause_count; ++cause) {
        totals[cause] += ledger.classes[c].accounts[type][cause];
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

RuleLedger apply_rule(const Result& result, const std::vector<FlopWork>& work, CostRule rule) {
  if (rule != CostRule::phase && rule != CostRule::cause) {
    return charge_weights(result.ledger, weigh(result, work, rule));
  }
  RuleLedger split;
  for (const ClassAccounts& traffic : result.ledger.classes) {
    split.classes.push_back(rule == CostRule::cause ? charge_the_read(traffic) : traffic.accounts);
  }
  return split;
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
  Int128 apart = ledger.idle;
  for (const ClassAccounts& traffic : ledger.classes) {
    const TokenTotals tokens = tokens_of(traffic);
    for (std::size_t type = 0; type < token_type_count; ++type) {
      totals.busy += sum_of(traffic.accounts[type]);
      totals.tokens[type] += tokens[type];
    }
    apart += traffic.recompute + traffic.aborted;
  }
  PENSTOCK_ASSERT(totals.busy + apart == ledger.wall);
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
    accounts.push_back({token, cause, 0, time});
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
    if (ledger.classes[c].aborted > 0) {
      table.add(scenario.workload.classes.at(c).name, std::nullopt, "aborted", rule,
                ledger.classes[c].aborted);
    }
  }
  return table;
}

/// Adds an amount to the account of the same token and cause, over classes.
void add_account(const BillAccount& account, std::vector<BillAccount>& accounts) {
  for (BillAccount& known : accounts) {
    if (known.token == account.token && known.cause == account.cause) {
      known.nano += account.nano;
      known.time += account.time;
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
  bill.busy_by_type = by_type(split);
  bill.per_million = loaded.table(bill.busy_by_type, totals.tokens);
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

/// What a request weighs under the leading rule; `phase` and `cause`: the busy time it caused.
double weight_of(const RequestRecord& request, std::size_t id, CostRule rule,
                 const Result& result) {
  if (request.status == RequestStatus::rejected || request.status == RequestStatus::aborted ||
      request.first_scheduled.ps < 0) {
    return 0;
  }
  switch (rule) {
    case CostRule::phase:
    case CostRule::cause:
      return static_cast<double>(request.busy_ps);
    case CostRule::occupancy:
      return id < result.ledger.block_ps.size() ? to_double(result.ledger.block_ps[id]) : 0;
    case CostRule::flops: {
      FlopWork work;
      work.add(request, computed_input(request), result.peak.window);
      const Weights flop = FlopUnits(result.peak).of(work);
      return to_double(flop[0] + flop[1] + flop[2]);
    }
    case CostRule::output_only:
      return request.output_tokens;
    case CostRule::blended:
      return static_cast<double>(computed_input(request) + std::int64_t{request.cached_tokens} +
                                 std::int64_t{request.output_tokens});
  }
  return 0;
}

/// What the bill wants from the list of requests.
struct RequestSums {
  std::vector<FlopWork> work;  ///< by class
  double weight = 0;           ///< Bill::weight
};

RequestSums sum_requests(const Result& result, CostRule leading) {
  RequestSums sums;
  sums.work.resize(result.ledger.classes.size());
  std::size_t id = 0;
  for (const RequestRecord& request : result.requests) {
    if (request.status != RequestStatus::aborted) {
      sums.work[request.class_index].add(request, computed_input(request), result.peak.window);
    }
    sums.weight += weight_of(request, id++, leading, result);
  }
  return sums;
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
  const RequestSums requests = sum_requests(result, bill.rule);
  bill.weight = requests.weight;
  for (const CostRule rule : all_rules) {
    if (rule == CostRule::flops && !has_flop(result.peak)) {
      continue;
    }
    const RuleLedger split = apply_rule(result, requests.work, rule);
    const Pricing loaded{bill.total, totals.busy};
    bill.rules.push_back({rule, loaded.table(by_type(split), totals.tokens)});
    price_rows(make_rows(scenario, ledger, split, rule), rule == bill.rule, bill);
    if (rule == bill.rule) {
      fill_leading(ledger, split, totals, bill);
    }
  }
  return bill;
}

double request_cost(const Bill& bill, const Result& result, std::size_t id) {
  const double weight = weight_of(result.requests[id], id, bill.rule, result);
  return bill.weight > 0 ? bill.total * (weight / bill.weight) : 0;
}

}  // namespace penstock
