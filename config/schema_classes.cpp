#include <array>

#include "config/schema_rows.h"

namespace penstock::config::rows {

namespace {

constexpr double one_ms = 1e9;
constexpr double one_s = 1e12;
constexpr std::string_view no_prefix_caching = "this version runs without prefix caching";

constexpr auto class_keys = std::to_array<Key>({
    {.path = "workload.classes[]", .doc = "a class", .map = true},
    required(text("workload.classes[].name", "unique")),
    number("workload.classes[].rate", "requests per second", Unit::rate, once_a_day, 1e9),
    number("workload.classes[].tokens_per_day",
           "instead of a rate: input and output tokens a day, such as 40M", Unit::amount, 0, 1e18,
           {}, true),
    number("workload.classes[].rate_scale", "multiplies the class's rate", Unit::count, 1e-6, 1e6,
           "1"),
    number("workload.classes[].share", "share of the workload's rate or requests", Unit::fraction,
           0, 1, {}, true),
    or_map(text("workload.classes[].arrivals",
                "when requests come: name of a profile, or the keys below")),
    choice("workload.classes[].arrivals.process", "what the gaps between arrivals look like",
           "poisson|constant|gamma|weibull|on_off|offline|closed_loop", "poisson"),
    number("workload.classes[].arrivals.cv",
           "gamma, weibull: std of the gaps over their mean; on_off: the same while on",
           Unit::count, 0.01, 50, "on_off: 1"),
    number("workload.classes[].arrivals.on", "on_off: mean time on, exponential", Unit::time,
           one_ms, hundred_days),
    number("workload.classes[].arrivals.off", "on_off: mean time off, exponential", Unit::time,
           one_ms, hundred_days),
    number("workload.classes[].arrivals.off_rate", "on_off: rate while off over rate while on",
           Unit::fraction, 0, 0.99, "0"),
    map("workload.classes[].arrivals.modulation", "how the rate goes up and down"),
    map("workload.classes[].arrivals.modulation.diurnal", "a smooth day; its mean is the rate"),
    required(number("workload.classes[].arrivals.modulation.diurnal.peak",
                    "highest rate over the mean", Unit::count, 1, 10)),
    time("workload.classes[].arrivals.modulation.diurnal.at", "time of the peak", "half the period",
         false),
    {.path = "workload.classes[].arrivals.modulation.piecewise",
     .doc = "steps: [{from: 0s, factor: 1}, {from: 1h, factor: 3}]",
     .list = true},
    {.path = "workload.classes[].arrivals.modulation.piecewise[]", .doc = "a step", .map = true},
    required(time("workload.classes[].arrivals.modulation.piecewise[].from", "when it begins", {},
                  false)),
    required(number("workload.classes[].arrivals.modulation.piecewise[].factor",
                    "of the class's rate", Unit::count, 0, 1000)),
    number("workload.classes[].arrivals.modulation.period", "after which it starts again",
           Unit::time, one_s, hundred_days, "diurnal: 24h; piecewise: never"),
    flag(
        "workload.classes[].arrivals.rescale",
        "stretch time so that request N, the last one, comes at N / rate, as vLLM's benchmark does",
        "false"),
    map("workload.classes[].arrivals.clients", "many clients with a process each"),
    required(whole("workload.classes[].arrivals.clients.count", "how many", 1, 10000)),
    number("workload.classes[].arrivals.clients.zipf", "client i has a share as 1 / i^zipf",
           Unit::count, 0, 10),
    number("workload.classes[].arrivals.clients.lognormal", "shares are lognormal, sigma of ln",
           Unit::count, 0, 10),
    distribution(number("workload.classes[].arrivals.clients.cv", "cv of each client", Unit::count,
                        0.01, 50, "the process's")),
    whole("workload.classes[].arrivals.concurrency", "closed loop: clients", 1, 1e7),
    time("workload.classes[].arrivals.think", "closed loop: pause before a client's next request",
         "0s", false),
    required(or_map(text("workload.classes[].lengths", "name of a profile, or input and output"))),
    text("workload.classes[].lengths.profile",
         "name of a profile: its lengths and rank correlation, where the other keys say nothing"),
    distribution(tokens("workload.classes[].lengths.input", "prompt tokens")),
    distribution(tokens("workload.classes[].lengths.output", "output tokens")),
    number("workload.classes[].lengths.rank_correlation",
           "of a request's input and output (Spearman)", Unit::count, -1, 1,
           "0, or the `profile`'s"),
    map("workload.classes[].slo", "limits of this class, instead of the workload's"),
    time("workload.classes[].slo.ttft", "time to first token"),
    time("workload.classes[].slo.tpot", "time per output token after the first"),
    time("workload.classes[].slo.e2e", "arrival to last token"),
    number("workload.classes[].slo.attainment", "share of requests that must meet all limits",
           Unit::fraction, 0, 1, "the workload's"),
    whole("workload.classes[].priority", "smaller = more important", -1e6, 1e6, "0"),
    later("workload.classes[].prefix", "prompt tokens that requests share", no_prefix_caching),
    map("workload.classes[].sessions",
        "conversations: `rate` is that of new ones, `lengths` those of a first turn"),
    required(distribution(
        whole("workload.classes[].sessions.turns", "turns of a conversation", 1, 10000))),
    required(distribution(time("workload.classes[].sessions.think",
                               "from the end of a turn to the next one", {}, false))),
    distribution(tokens("workload.classes[].sessions.follow_up",
                        "new prompt tokens of each later turn; default: as `lengths.input`")),
    whole("workload.classes[].sessions.max_context",
          "a conversation ends before a turn that would exceed it, answer included", 2, most_tokens,
          "max_model_len"),
    map("workload.classes[].sessions.tools", "later turns that bring a tool's result"),
    required(number("workload.classes[].sessions.tools.share", "how many of the later turns",
                    Unit::fraction, 0, 1, {}, true)),
    required(distribution(time("workload.classes[].sessions.tools.delay",
                               "from the end of a turn to the tool's result", {}, false))),
    distribution(tokens("workload.classes[].sessions.tools.result",
                        "its new prompt tokens; default: as `follow_up`")),
    map("workload.classes[].sessions.branches",
        "requests sent in parallel after a turn; the next turn waits for them"),
    required(number("workload.classes[].sessions.branches.share", "how many turns have some",
                    Unit::fraction, 0, 1, {}, true)),
    required(distribution(
        whole("workload.classes[].sessions.branches.count", "how many at once", 1, 1000))),
    required(distribution(tokens("workload.classes[].sessions.branches.input",
                                 "new prompt tokens, after the conversation so far"))),
    distribution(tokens("workload.classes[].sessions.branches.output",
                        "output tokens; default: as `lengths.output`")),
});

}  // namespace

Schema class_rows() { return class_keys; }

}  // namespace penstock::config::rows
