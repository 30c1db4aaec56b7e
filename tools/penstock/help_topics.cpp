#include "tools/penstock/help_topics.h"

#include <array>

namespace penstock::cli {
namespace {

constexpr std::string_view units_text =
    R"(Quantities carry their unit; a bare number where a unit is needed is an error.

  time         300ms  1.5s  10min  1h  2d  50us
  size         80GB (1000^3)   64GiB (1024^3)   512MiB
  bandwidth    3.35TB/s  900GB/s
  rate         8/s  480/min
  share        99%  0.99
  money        $2.50/h (of a GPU)   $0.08/kWh   $30000
  counts       8192   plain numbers, no unit

In results every key ends in its unit: `ttft_ms`, `duration_s`. Money is in the currency of
`prices` (`cost.currency`), never converted; prices are per million tokens.
)";

constexpr std::string_view overrides_text =
    R"(--set PATH=VALUE changes any key of the file for one run; give it as often as needed.

  penstock run workloads/chat.yaml --set cluster.replicas=4
  penstock run workloads/chat.yaml --set slo.ttft=300ms --set 'prices.gpu=$1.99/h'
  penstock run workloads/chat.yaml --set 'workload.classes[0].rate=20/s'

PATH is dotted, [i] picks an item of a list from 0. VALUE is YAML with units. Lowest first:
default, catalogue, file, --set (later ones win). `--seed N` sets `seed` and beats --set seed.

--vary PATH=VALUES of `penstock sweep` takes the same paths, and several values:

  1,2,4                  a list; commas inside [], {} and quotes do not split
  1..8                   in steps of 1        10ms..50ms:step10ms   units like those of one value
  1..512:log2            each twice the last  0.0..1.0:lin5         5 values, ends included
  @values.txt            a value a line; # starts a comment
)";

constexpr std::string_view metrics_text =
    R"(Latencies are measured at the server from arrival, over completed requests after the warm-up.
Percentiles are exact, interpolated linearly (type 7, as numpy does); std divides by n.

  ttft   first token - arrival               tpot   (e2e - ttft) / (output tokens - 1)
  e2e    last token - arrival                itl    all gaps between tokens, pooled,
                                             also of requests that do not complete
  queue  first scheduled - arrival           ttft, e2e, queue: with engine.front_end_latency

A request is good if it meets every limit that it has; attainment = good / (completed + rejected +
aborted + unfinished ones over a limit). Duration runs from 0 to the last event, at least
`workload.duration`; every replica is billed for all of it. Utilization is over all GPUs and all of
the duration.

`penstock help TERM` defines each: ttft tpot itl e2e queue attainment goodput busy mfu mbu kv batch
input cached_input recomputed idle recompute phase cause output_only blended bottleneck ...
)";

constexpr std::string_view output_text =
    R"(Results go to standard output, everything else to standard error.

  --format table      the screen for people (default)
  --format json       all numbers; keys are stable, `schema_version` first
  --format csv        the same, flattened: key,value with dots in the keys
  --format markdown   the screen as Markdown tables
  --format vllm       as `vllm bench serve` would have printed it; vllm-json: as it saves it

`run --tariff` adds `tariff`, `run --margin` adds `margins`; both are left out otherwise.
What is not available is null, and `reasons` says why, at the path of the value or of the object
around it. The same input and seed give the same bytes.

-o DIR also writes, all or nothing, into a folder that must be new or empty (or --force):

  summary.json     as --format json
  requests.csv     one row a request in order of arrival; times in s, exact; `cost_usd` sums to
                   the bill, in the currency of `prices` whatever that is: only the name is fixed
  timeseries.csv   per interval (--interval; default 1 s, doubled past 500) and replica:
                   `time_s` is its start; running, waiting, kv are means over it, batch is
                   sequences per step; refused requests reach no replica and are not among its
                   arrivals; power_w is empty where energy is not known (see `reasons`);
                   compute ... cpu: busy time by what bounds it, as shares of the interval
  ledger.csv       the bill by class, token type and cause under every rule; each rule's rows
                   sum to it
  position.csv     what one more token costs at positions of the context, by arithmetic
  workload.yaml    the workload file, as it was read
  report.html      with --report: a page for browsers, also made by `penstock report DIR`
  manifest.json    version, command, seed, SHA-256 of the inputs, host, wall-clock times;
                   `stopped` is null, or until, interrupted, clock: why the run is not whole

A run that stopped early says so below its title and first in `warnings`.
)";

constexpr std::string_view exit_codes_text =
    R"(   0  done; also if --until stopped the run, as asked (the screen and `warnings` mark it)
   1  an SLO given in the file is missed, and --strict is set
   2  the command line cannot be understood
   3  the input is invalid: file, line and column are told, all errors at once; also a trace, a
      config.json or a --catalog folder that is named and is not there
   4  infeasible: the model does not fit, the run needs more memory than this machine gives
      (lower `workload.requests`), or not built in this version
   5  the simulated clock reached its limit of 100 days; the results cover what was done
  70  a bug of penstock; the message says how to replay it
  74  the workload file itself or a file of values (`--vary PATH=@FILE`) cannot be read, a trace
      fails while it is read, or results cannot be written
 130  interrupted (Ctrl-C, SIGTERM): the run stops at once, what is complete is kept and marked.
      Another Ctrl-C within a second or two is ignored; a later one ends the process, and nothing
      is printed or written
)";

constexpr std::string_view testing_text =
    R"(Hidden options of `penstock run`, for tests of penstock itself. No result depends on them:

  --no-fast-path   run the rule-by-rule scheduler in every step
  --no-leaping     simulate every decode step by itself
)";

constexpr std::array all_topics{
    Topic{"units", "300ms, 80GB, 64GiB, $2.49/h, 8/s, 99%", units_text},
    Topic{"overrides", "--set PATH=VALUE, --vary PATH=VALUES", overrides_text},
    Topic{"workload", "every key of the workload file", ""},  // made from the schema
    Topic{"metrics", "what the numbers mean", metrics_text},
    Topic{"output", "formats, files, columns", output_text},
    Topic{"exit-codes", "what the command says to scripts", exit_codes_text},
    Topic{"testing", "switches that results must not depend on", testing_text},
};

}  // namespace

std::span<const Topic> topics() { return all_topics; }

}  // namespace penstock::cli
