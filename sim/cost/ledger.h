#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "sim/engine/batch.h"
#include "sim/engine/pace.h"
#include "sim/engine/sequence.h"
#include "sim/result.h"
#include "sim/step/step_model.h"

namespace penstock {

/// Accounts shared by all replicas: busy time by class, token type and cause.
class Accounts {
 public:
  /// `by_request`: block-time is kept for each request too. `open`: see
  /// SimulationOptions::attribution; closed ones stay empty.
  Accounts(std::size_t classes, bool by_request, bool open) : by_request_(by_request), open_(open) {
    totals_.classes.resize(classes);
  }

  bool open() const { return open_; }

  LedgerTotals& totals() { return totals_; }
  const LedgerTotals& totals() const { return totals_; }
  LedgerTotals::ClassAccounts& of_class(std::uint16_t index) { return totals_.classes[index]; }

  void hold(std::uint32_t id, Int128 block_ps) {
    if (by_request_) {
      totals_.block_ps.resize(std::max<std::size_t>(totals_.block_ps.size(), id + 1));
      totals_.block_ps[id] = block_ps;
    }
  }

 private:
  LedgerTotals totals_;
  bool by_request_;
  bool open_;
};

/// Splits the time of one replica's steps among the requests that caused it (rule `phase`,
/// cost.md §3: the Shapley value of prefill against decode, part by part), exactly, without
/// touching the sequences that decode.
///
/// Running sums over steps: A_c, cost per decoding sequence by cause; B, cost per KV token; C, the
/// sum of (cost per KV token x step); likewise for layers with a window, per KV token within it,
/// of which a sequence that has reached the window reads always as many. A sequence that decodes in
/// the steps between two snapshots owes dA + base · dB + dC, of which prompt · dB is the reading of
/// its prompt. The share of decode is always a whole number of picoseconds per sequence and per KV
/// token (prefill, or the rounding of the step itself, takes the remainder), so that nothing is
/// lost. The sums wrap around; their differences do not.
class Ledger {
 public:
  /// `may_abort`: some clients may give up, so that what each request has paid is kept apart.
  Ledger(Accounts& accounts, SequenceTable& table, RequestRecords& records, StepModel& model,
         bool may_abort, const Pace& pace)
      : accounts_(accounts),
        table_(table),
        records_(records),
        model_(model),
        pace_(pace),
        window_(model.window()),
        keeps_paid_(may_abort && accounts.open()),
        busy_(accounts.totals().classes.size()) {}

  bool open() const { return accounts_.open(); }
  /// Charges one step with chunks. Chunks pay at once; decodes through the running sums.
  void charge(const Batch& batch, const StepCost& cost);
  /// Charges `steps` decode-only steps with the members of `batch`, from step `first` on, of which
  /// the first has these sums.
  void charge_decodes(const Batch& batch, std::int64_t first, std::int64_t kv_sum,
                      std::int64_t window_sum, std::int64_t steps);

  /// A sequence joins the decode set: it pays for the steps charged from now on.
  void join(Sequence& sequence) {
    flush();
    sequence.cost = sums_;
  }
  /// A member reaches the model's window in the step that is charged next: books what it has read
  /// in the layers with that window.
  void cross_window(Sequence& sequence);
  /// A sequence leaves it: books what it owes since it joined.
  void settle(const Sequence& sequence);
  /// Adds what has been charged to the sums: steps are charged late, as many at once as possible.
  void flush() {
    if (decodes_.steps > 0) {
      add_decodes();
    }
  }
  /// Adds what this replica's steps came to to the accounts. The last call.
  void close();
  /// Its client has given up, and it has been settled: what it has paid, and the tokens, were for
  /// nothing. Requires `may_abort`.
  void write_off(const Sequence& sequence);
  /// What it has paid here, of a sequence that another ledger of the same table writes off.
  void take_back(Slot slot, const Sequence& sequence);
  /// Books the block-time that a sequence has held, at its end.
  /// `cached` is part of `input`.
  void count_blocks(const Sequence& sequence, Int128 input, Int128 cached, Int128 output) {
    LedgerTotals::ClassAccounts& account = accounts_.of_class(sequence.class_index);
    account.input_block_ps += input - cached;
    account.cached_block_ps += cached;
    account.output_block_ps += output;
    accounts_.hold(sequence.id, input + output);
  }
  void count_cached(std::uint16_t class_index, std::int64_t tokens) {
    accounts_.of_class(class_index).cached_input_tokens += tokens;
  }
  void count_output(std::uint16_t class_index, std::int64_t tokens) {
    accounts_.of_class(class_index).output_tokens += tokens;
  }

 private:
  /// Decode-only steps that follow each other with the same members.
  struct DecodeSteps {
    std::int64_t n = 0;
    std::int64_t growth = 0;  ///< Batch::kv_growth
    std::int64_t below = 0;   ///< Batch::below_window
    std::int64_t first = 0;
    std::int64_t kv_sum = 0;  ///< of the first
    std::int64_t window_sum = 0;
    std::int64_t steps = 0;
  };
  /// What the chunks of a mixed step pay, by cause.
  using PrefillBill = std::array<std::int64_t, 5>;
  /// Picoseconds by cause. A replica is busy for less than 2^63 of them.
  using Amounts = std::array<std::int64_t, cause_count>;
  using ByToken = std::array<Amounts, token_type_count>;

  /// What a sequence has paid, and for how many tokens.
  struct Paid {
    std::uint32_t id = no_request;
    ByToken accounts{};
    std::int64_t cached_read = 0;
    std::int64_t input_tokens = 0;
  };
  Paid& paid_by(Slot slot, const Sequence& sequence);
  void book(const Sequence& s, TokenType token, const Amounts& amounts) {
    add(amounts, busy_[s.class_index][static_cast<std::size_t>(token)]);
    if (keeps_paid_) {
      add(amounts, paid_by(table_.slot_of(s), s).accounts[static_cast<std::size_t>(token)]);
    }
  }
  static void add(const Amounts& amounts, Amounts& to) {
    for (std::size_t cause = 0; cause < cause_count; ++cause) {
      to[cause] += amounts[cause];
    }
  }

  struct WindowReads {
    std::int64_t all = 0;
    std::int64_t prompt = 0;  ///< of the prompt's tokens
  };
  /// What a sequence has read in layers with a window since its snapshot. Once the window is full,
  /// its tokens count as generated ones: the prompt's leave it.
  WindowReads window_reads(const Sequence& sequence) const;
  void add_decodes();
  /// What decoding sequences pay of what ranks do together.
  void add_together(const Batch& batch, std::int64_t steps) {
    if (batch.together.total == 0) {  // mostly
      return;
    }
    for (std::size_t c = 0; c < batch.together.per_decode.size(); ++c) {
      sums_.per_sequence[c] += static_cast<std::uint64_t>(steps * batch.together.per_decode[c]);
    }
  }
  PrefillBill charge_mixed(const Batch& batch, const StepCost& cost);
  void charge_head(const Batch& batch, const StepCost& cost, PrefillBill& prefill);
  void split_over_chunks(const Batch& batch, const PrefillBill& bill);
  /// Books `amounts` for the positions [begin, end) of a sequence.
  void book_segment(const Sequence& sequence, bool recomputed, std::int64_t begin, std::int64_t end,
                    const PrefillBill& amounts);

  Accounts& accounts_;
  SequenceTable& table_;
  RequestRecords& records_;
  StepModel& model_;
  Pace pace_;
  std::int64_t window_;
  bool keeps_paid_;
  std::vector<ByToken> busy_;  ///< by class; in the accounts at the end
  std::vector<Paid> paid_;     ///< by slot
  CostSnapshot sums_;
  DecodeSteps decodes_;  ///< charged, not yet in the sums
};

}  // namespace penstock
