#include "sim/cost/ledger.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/core/int128.h"
#include "sim/cost/phase_split.h"

namespace penstock {

namespace {

/// Causes paid per decoding sequence, in the order of CostSnapshot::per_sequence.
constexpr std::array sequence_causes{Cause::weights, Cause::compute, Cause::attention_compute,
                                     Cause::communication, Cause::overhead};
enum : std::size_t { weights, compute, attention, communication, overhead };
constexpr std::size_t cause_index(std::size_t c) {
  return static_cast<std::size_t>(sequence_causes[c]);
}

/// Shares of amounts (below 2^53 ps: 2.5 hours) in whole picoseconds for each of n payers.
class PerPayer {
 public:
  explicit PerPayer(std::int64_t n) : n_(n), inverse_(1.0 / static_cast<double>(n)) {}
  /// The share nearest to amount / n of which n do not exceed `limit`.
  std::int64_t share(std::int64_t amount, std::int64_t limit) const {
    auto q = static_cast<std::int64_t>(static_cast<double>(amount) * inverse_ + 0.5);
    while (q * n_ > limit) {
      --q;
    }
    return q;
  }

 private:
  std::int64_t n_;
  double inverse_;
};

/// amount · part / whole, rounded towards zero; part <= whole.
std::int64_t part_of(std::int64_t amount, std::int64_t part, std::int64_t whole) {
  if (part == whole) {
    return amount;
  }
  if (std::int64_t product = 0; !__builtin_mul_overflow(amount, part, &product)) {
    return product / whole;
  }
  return static_cast<std::int64_t>(static_cast<Int128>(amount) * part / whole);
}

}  // namespace

void Ledger::charge_decodes(const Batch& batch, std::int64_t first, std::int64_t kv_sum,
                            std::int64_t window_sum, std::int64_t steps) {
  if (!open()) {
    return;
  }
  add_together(batch, steps);
  const std::int64_t n = batch.decodes;
  if (decodes_.steps > 0 && decodes_.n == n && decodes_.first + decodes_.steps == first) {
    // In one formula as long as the same of GPU and CPU decides.
    const DecodeCost& decode = model_.decode(n);
    const std::int64_t below = batch.below_window;
    const auto gpu_decides = [&] {
      return decode.cpu_excess(decodes_.kv_sum, decodes_.window_sum) == 0;
    };
    const auto cpu_decides = [&] {
      return decode.context_cost(batch.kv_growth, below) % n == 0 &&
             decode.cpu_excess(kv_sum + batch.kv_growth * (steps - 1),
                               window_sum + below * (steps - 1)) > 0;
    };
    if (decodes_.below == below && (gpu_decides() || cpu_decides())) {
      decodes_.steps += steps;
      return;
    }
  }
  flush();
  decodes_ = {.n = n,
              .growth = batch.kv_growth,
              .below = batch.below_window,
              .first = first,
              .kv_sum = kv_sum,
              .window_sum = window_sum,
              .steps = steps};
}

void Ledger::add_decodes() {
  const auto [n, kv_growth, below, first_step, kv_sum, window_sum, steps] = decodes_;
  const std::int64_t first = pace_.advance * first_step;
  decodes_.steps = 0;
  const DecodeCost& decode = model_.decode(n);
  const auto k = static_cast<std::uint64_t>(steps);
  for (std::size_t c = 0; c < sequence_causes.size(); ++c) {
    sums_.per_sequence[c] += k * static_cast<std::uint64_t>(decode.per_sequence[c]);
  }
  const auto per_kv = static_cast<std::uint64_t>(decode.per_kv);
  sums_.per_kv += k * per_kv;
  const std::uint64_t rises = static_cast<std::uint64_t>(pace_.advance) * (k * (k - 1) / 2);
  sums_.per_kv_step += per_kv * (k * static_cast<std::uint64_t>(first) + rises);
  if (const auto per_window = static_cast<std::uint64_t>(decode.per_window); per_window > 0) {
    sums_.per_window += k * per_window;
    sums_.per_window_step += per_window * (k * static_cast<std::uint64_t>(first) + rises);
  }
  if (const std::int64_t excess = decode.cpu_excess(kv_sum, window_sum); excess > 0) {
    // The CPU decides in all of these steps: the excess falls from step to step by as much as the
    // reads grow, a multiple of n where there is more than one step.
    const auto growth = static_cast<std::uint64_t>(decode.context_cost(kv_growth, below) / n);
    sums_.per_sequence[overhead] +=
        k * static_cast<std::uint64_t>((excess + n - 1) / n) - growth * (k * (k - 1) / 2);
  }
  if (decode.remainder != 0) {
    busy_.front()[static_cast<std::size_t>(TokenType::output)]
                 [static_cast<std::size_t>(Cause::overhead)] += decode.remainder * steps;
  }
}

void Ledger::charge(const Batch& batch, const StepCost& cost) {
  if (!open()) {
    return;
  }
  PrefillBill prefill;
  if (batch.decodes > 0) {
    prefill = charge_mixed(batch, cost);
    add_together(batch, 1);
  } else {
    prefill = {cost.part(Part::weights), cost.part(Part::compute), cost.part(Part::attention),
               cost.part(Part::communication), cost.part(Part::overhead)};
  }
  if (batch.together.total != 0) {
    const std::int64_t tokens = batch.prefill_tokens();
    for (std::size_t c = 0; c < prefill.size(); ++c) {
      prefill[c] += batch.together.per_prefill_token[c] * tokens;
    }
  }
  charge_head(batch, cost, prefill);
  split_over_chunks(batch, prefill);
}

Ledger::PrefillBill Ledger::charge_mixed(const Batch& batch, const StepCost& cost) {
  const std::int64_t n = batch.decodes;
  const PhaseSplit split = split_phases(model_, cost,
                                        {.decodes = n,
                                         .kv_sum = batch.kv_sum,
                                         .window_sum = batch.window_sum,
                                         .chunks = batch.work,
                                         .sampled = batch.sampled});
  const PerPayer per_sequence(n);
  PrefillBill rest{};
  for (std::size_t c = 0; c < shared_parts.size(); ++c) {
    const std::int64_t both = cost.part(shared_parts[c]);
    std::int64_t share = split.decode[c];
    rest[c] = both;
    if (c == attention && split.decode_attention > 0) {
      // In proportion to KV length, but for the term per sequence, as in a pure step.
      const double per_ps =
          static_cast<double>(share) / static_cast<double>(split.decode_attention);
      const auto by_sequence =
          static_cast<std::int64_t>(per_ps * static_cast<double>(split.decode_sequences));
      const auto step = static_cast<std::uint64_t>(pace_.advance * batch.step);
      std::int64_t by_window = 0;
      if (split.decode_window > 0) {
        by_window = static_cast<std::int64_t>(per_ps * static_cast<double>(split.decode_window));
        const std::int64_t w = PerPayer(batch.window_sum).share(by_window, both);
        sums_.per_window += static_cast<std::uint64_t>(w);
        sums_.per_window_step += static_cast<std::uint64_t>(w) * step;
        rest[c] -= w * batch.window_sum;
      }
      const std::int64_t q = PerPayer(batch.kv_sum).share(share - by_sequence - by_window, rest[c]);
      sums_.per_kv += static_cast<std::uint64_t>(q);
      sums_.per_kv_step += static_cast<std::uint64_t>(q) * step;
      rest[c] -= q * batch.kv_sum;
      share = by_sequence;
    }
    const std::int64_t q = per_sequence.share(share, rest[c]);
    sums_.per_sequence[c] += static_cast<std::uint64_t>(q);
    rest[c] -= q * n;
  }
  return rest;
}

void Ledger::charge_head(const Batch& batch, const StepCost& cost, PrefillBill& prefill) {
  constexpr std::array causes{weights, compute, overhead};
  constexpr std::array parts{Part::head_weights, Part::head_compute, Part::head_overhead};
  const std::int64_t rows = batch.sampled;
  if (rows == 0) {
    return;
  }
  std::array<std::int64_t, 3> per_row{};
  for (std::size_t p = 0; p < causes.size(); ++p) {
    per_row[p] = cost.part(parts[p]) / rows;
    if (batch.decodes > 0) {  // else those who decode stand still
      sums_.per_sequence[causes[p]] += static_cast<std::uint64_t>(per_row[p]);
    }
    prefill[causes[p]] += cost.part(parts[p]) - per_row[p] * rows;
  }
  for (const ScheduledChunk& chunk : batch.chunks) {
    if (!chunk.completes) {
      continue;
    }
    const Sequence& s = table_[chunk.slot];
    Amounts amounts{};
    for (std::size_t p = 0; p < causes.size(); ++p) {
      amounts[cause_index(causes[p])] = per_row[p];
    }
    records_[s.id].busy_ps += per_row[0] + per_row[1] + per_row[2];
    book(s, TokenType::output, amounts);
  }
}

void Ledger::split_over_chunks(const Batch& batch, const PrefillBill& bill) {
  const Sequence& first = table_[batch.chunks.front().slot];
  const auto [q, context] = batch.work.front();
  if (batch.chunks.size() == 1 && batch.chunks.front().recomputed == 0 &&
      context + q <= first.prompt) {
    book_segment(first, false, context, context + q, bill);  // the common case: nothing to split
    return;
  }
  std::int64_t all_tokens = 0;
  std::int64_t all_pairs = 0;
  for (const Chunk& work : batch.work) {
    all_tokens += work.q;
    all_pairs += attention_pairs(work.context, work.context + work.q);
  }
  // Cumulative rounding: the segments' shares add up to the bill exactly.
  std::int64_t tokens = 0;
  std::int64_t pairs = 0;
  PrefillBill given{};
  for (std::size_t k = 0; k < batch.chunks.size(); ++k) {
    const Sequence& sequence = table_[batch.chunks[k].slot];
    const std::int64_t begin = batch.work[k].context;
    const std::int64_t end = begin + batch.work[k].q;
    const std::int64_t fresh = begin + batch.chunks[k].recomputed;
    const std::int64_t prompt_end = std::clamp(sequence.prompt, fresh, end);
    const std::array cuts{begin, fresh, prompt_end, end};
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      if (cuts[i] == cuts[i + 1]) {
        continue;
      }
      tokens += cuts[i + 1] - cuts[i];
      pairs += attention_pairs(cuts[i], cuts[i + 1]);
      PrefillBill amounts{};
      for (std::size_t c = 0; c < bill.size(); ++c) {
        const std::int64_t upto = c == attention ? part_of(bill[c], pairs, all_pairs)
                                                 : part_of(bill[c], tokens, all_tokens);
        amounts[c] = upto - given[c];
        given[c] = upto;
      }
      book_segment(sequence, i == 0, cuts[i], cuts[i + 1], amounts);
    }
  }
}

void Ledger::book_segment(const Sequence& s, bool recomputed, std::int64_t begin, std::int64_t end,
                          const PrefillBill& amounts) {
  LedgerTotals::ClassAccounts& account = accounts_.of_class(s.class_index);
  if (recomputed) {
    for (const std::int64_t amount : amounts) {
      account.recompute += amount;
    }
    account.recomputed_tokens += end - begin;
    return;
  }
  // Positions beyond the prompt are generated tokens whose KV a preemption had not left time for.
  const TokenType token = begin < s.prompt ? TokenType::input : TokenType::output;
  if (token == TokenType::input) {
    account.input_tokens += end - begin;
    if (keeps_paid_) {
      paid_by(table_.slot_of(s), s).input_tokens += end - begin;
    }
  }
  Amounts paid{};
  std::int64_t sum = 0;
  for (std::size_t c = 0; c < amounts.size(); ++c) {
    paid[cause_index(c)] = amounts[c];
    sum += amounts[c];
  }
  records_[s.id].busy_ps += sum;
  if (s.cached > 0 && token == TokenType::input) {
    // A hit prefix pays for being read by the prefill that uses it.
    Amounts cached{};
    cached[cause_index(attention)] =
        part_of(amounts[attention], (end - begin) * s.cached, attention_pairs(begin, end));
    book(s, TokenType::cached_input, cached);
    paid[cause_index(attention)] -= cached[cause_index(attention)];
  }
  book(s, token, paid);
}

Ledger::WindowReads Ledger::window_reads(const Sequence& s) const {
  const std::uint64_t per_token = sums_.per_window - s.cost.per_window;
  if (!s.below_window) {
    const auto window = static_cast<std::uint64_t>(window_ * pace_.unit);
    return {static_cast<std::int64_t>(window * per_token), 0};
  }
  const std::uint64_t steps = sums_.per_window_step - s.cost.per_window_step;
  return {static_cast<std::int64_t>(static_cast<std::uint64_t>(s.base) * per_token + steps),
          static_cast<std::int64_t>(static_cast<std::uint64_t>(s.prompt * pace_.unit) * per_token)};
}

void Ledger::cross_window(Sequence& s) {
  if (!open()) {
    return;
  }
  flush();
  s.below_window = true;  // until now
  const WindowReads reads = window_reads(s);
  s.below_window = false;
  s.cost.per_window = sums_.per_window;
  s.cost.per_window_step = sums_.per_window_step;
  Amounts amounts{};
  amounts[static_cast<std::size_t>(Cause::kv_read_prompt)] = reads.prompt;
  amounts[static_cast<std::size_t>(Cause::kv_read_output)] = reads.all - reads.prompt;
  book(s, TokenType::output, amounts);
  records_[s.id].busy_ps += reads.all;
}

Ledger::Paid& Ledger::paid_by(Slot slot, const Sequence& s) {
  if (slot >= paid_.size()) {
    paid_.resize(slot + 1);
  }
  if (paid_[slot].id != s.id) {
    paid_[slot] = {.id = s.id};
  }
  return paid_[slot];
}

void Ledger::write_off(const Sequence& s) {
  LedgerTotals::ClassAccounts& account = accounts_.of_class(s.class_index);
  account.aborted_tokens += s.cached + s.emitted;
  account.cached_input_tokens -= s.cached;
  take_back(table_.slot_of(s), s);
}

void Ledger::take_back(Slot slot, const Sequence& s) {
  if (!open()) {
    return;
  }
  PENSTOCK_ASSERT(keeps_paid_);
  LedgerTotals::ClassAccounts& account = accounts_.of_class(s.class_index);
  const Paid& paid = paid_by(slot, s);
  for (std::size_t type = 0; type < token_type_count; ++type) {
    for (std::size_t cause = 0; cause < cause_count; ++cause) {
      busy_[s.class_index][type][cause] -= paid.accounts[type][cause];
      account.aborted += paid.accounts[type][cause];
    }
  }
  account.cached_read -= paid.cached_read;
  account.input_tokens -= paid.input_tokens;
  account.aborted_tokens += paid.input_tokens;
}

void Ledger::settle(const Sequence& s) {
  if (!open()) {
    return;
  }
  flush();
  Amounts amounts{};
  std::int64_t owed = 0;
  for (std::size_t c = 0; c < sequence_causes.size(); ++c) {
    const auto amount = static_cast<std::int64_t>(sums_.per_sequence[c] - s.cost.per_sequence[c]);
    amounts[cause_index(c)] = amount;
    owed += amount;
  }
  const std::uint64_t per_kv = sums_.per_kv - s.cost.per_kv;
  const WindowReads window = window_ > 0 ? window_reads(s) : WindowReads{};
  const auto reading =
      window.all + static_cast<std::int64_t>(static_cast<std::uint64_t>(s.base) * per_kv +
                                             sums_.per_kv_step - s.cost.per_kv_step);
  const auto prompt =
      window.prompt +
      static_cast<std::int64_t>(static_cast<std::uint64_t>(s.prompt * pace_.unit) * per_kv);
  PENSTOCK_ASSERT(owed >= 0 && prompt >= 0 && reading >= prompt);
  if (s.cached > 0) {
    const auto cached =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(s.cached * pace_.unit) * per_kv);
    accounts_.of_class(s.class_index).cached_read += cached;
    if (keeps_paid_) {
      paid_by(table_.slot_of(s), s).cached_read += cached;
    }
  }
  amounts[static_cast<std::size_t>(Cause::kv_read_prompt)] = prompt;
  amounts[static_cast<std::size_t>(Cause::kv_read_output)] = reading - prompt;
  book(s, TokenType::output, amounts);
  records_[s.id].busy_ps += owed + reading;
}

void Ledger::close() {
  for (std::uint16_t index = 0; index < busy_.size(); ++index) {
    auto& accounts = accounts_.of_class(index).accounts;
    for (std::size_t type = 0; type < token_type_count; ++type) {
      for (std::size_t cause = 0; cause < cause_count; ++cause) {
        accounts[type][cause] += busy_[index][type][cause];
      }
    }
  }
  busy_.clear();
}

}  // namespace penstock
