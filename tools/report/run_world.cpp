#include <fmt/format.h>

#include <algorithm>

#include "config/catalog.h"
#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

const PositionLine* at_context(const std::vector<PositionLine>& positions, double context) {
  const auto found = std::find_if(positions.begin(), positions.end(),
                                  [&](const PositionLine& one) { return one.context == context; });
  return found == positions.end() ? nullptr : &*found;
}

std::string position_answer(const std::vector<PositionLine>& positions) {
  const PositionLine* early = at_context(positions, 11);
  const PositionLine* late = at_context(positions, 10'001);
  if (early == nullptr || late == nullptr || early->output <= 0 || early->input <= 0) {
    return "An output token reads all that came before it, so it costs more the later it comes.";
  }
  return fmt::format(
      "Token 10,001 of a context costs {} times token 11 if it is output, {} times if it is input.",
      output::figure(late->output / early->output), output::figure(late->input / early->input));
}

std::vector<config::ListPrice> list_prices(const std::string& currency) {
  config::Reporter ignored;  // built in: checked by tests
  const config::Catalog catalog("", ignored);
  std::vector<config::ListPrice> prices;
  for (const config::Catalog::Entry& entry : catalog.list(config::CatalogKind::list_prices)) {
    std::optional<config::ListPrice> price = catalog.list_price(entry.name, {}, ignored);
    if (price && price->currency == currency && price->steps.front().input > 0 &&
        price->steps.front().output > 0) {
      prices.push_back(std::move(*price));
    }
  }
  return prices;
}

Json scatter(std::string_view name, const std::string& color, int size, Json points) {
  return {{"type", "scatter"},
          {"name", name},
          {"symbolSize", size},
          {"itemStyle", {{"color", "$" + color}, {"opacity", 0.8}}},
          {"data", std::move(points)}};
}

/// A point of a scatter chart that is a row of the data.
Json point(double x, double y, std::size_t row) {
  return {{"value", Json::array({x, y})}, {"row", row}};
}

void add_error_table(const SummaryView& view, Page& page) {
  const Json& errors = view.root().at("confidence").at("median_error");
  if (errors.empty()) {
    return;
  }
  Table table{.id = "error-table",
              .caption = "Median error of the step model against published measurements",
              .head = {"of", "median error"}};
  for (const auto& [what, unused] : errors.items()) {
    table.rows.push_back(
        {{what}, view.cell("/confidence/median_error/" + pointer_part(what), Style::percent)});
  }
  page.table(table);
}

}  // namespace

void add_positions(const SummaryView& view, const std::vector<PositionLine>& positions,
                   Page& page) {
  if (positions.empty()) {
    return;
  }
  page.section("position", "Position", "What does a token cost at each position?");
  const std::string unit = "permillion";
  Data data{.columns = {{"context", "tokens before it", "count"},
                        {"input_per_million", "input", unit},
                        {"output_per_million", "output", unit}}};
  for (const PositionLine& one : positions) {
    data.rows.push_back(Json::array({one.context, rounded(one.input), rounded(one.output)}));
  }
  Json across = bottom_axis("position in the context (logarithmic)", "count", true);
  across["max"] = "dataMax";
  Json option{{"tooltip", axis_tooltip()},
              {"legend", Json::object()},
              {"xAxis", std::move(across)},
              {"yAxis", log_axis(view.sign() + " per million such tokens", "money")},
              {"series", Json::array({line_series("input", 0, 1, "input", unit),
                                      line_series("output", 0, 2, "output", unit)})}};
  page.chart({.id = "position",
              .question = "Should token 10,001 cost what token 11 does?",
              .answer = position_answer(positions),
              .option = std::move(option),
              .data = std::move(data),
              .sketch = Sketch{"context",
                               {{"input_per_million", "input"}, {"output_per_million", "output"}},
                               true,
                               true}});
  page.text(
      "By arithmetic at saturation: prompts in steps full to max_num_batched_tokens, outputs in "
      "decode steps of the batch that the traffic fills; each kind pays for its own steps.");
}

void add_list_prices(const SummaryView& view, Page& page) {
  const std::vector<config::ListPrice> prices = list_prices(view.currency());
  const auto input = view.number("/cost/per_million/input");
  const auto output = view.number("/cost/per_million/output");
  if (prices.empty() || !input || !output || *input <= 0 || *output <= 0) {
    return;
  }
  page.section("list", "List prices", "How do these costs compare with list prices?",
               "A list price belongs to its provider's model and hardware: this says how far the "
               "two are apart, not what a provider earns.");
  Data data{.columns = {{"offer", "offer", ""},
                        {"provider", "provider", ""},
                        {"input", "input", "permillion"},
                        {"cached_input", "cached input", "permillion"},
                        {"output", "output", "permillion"},
                        {"date", "date", ""}}};
  Json own_model = Json::array();
  Json others = Json::array();
  std::size_t dearer = 0;
  const std::string model = view.word("/scenario/model/name");
  for (const config::ListPrice& price : prices) {
    const config::ListPriceStep& step = price.steps.front();
    const bool is_own =
        std::find(price.serves.begin(), price.serves.end(), model) != price.serves.end();
    dearer += step.output > *output ? 1 : 0;
    (is_own ? own_model : others).push_back(point(step.input, step.output, data.rows.size()));
    data.rows.push_back(Json::array({price.model, price.provider, step.input,
                                     step.cached_input ? Json(*step.cached_input) : Json(nullptr),
                                     step.output, price.date}));
  }
  const auto cached = view.number("/cost/per_million/cached_input");
  Json mine = Json::array({point(*input, *output, data.rows.size())});
  data.rows.push_back(Json::array(
      {"this run, at cost", "", *input, cached ? Json(*cached) : Json(nullptr), *output, ""}));
  Json run = scatter("this run, at cost", "output", 18, std::move(mine));
  run["symbol"] = "diamond";
  Json series = Json::array({scatter("other models", "c8", 8, std::move(others))});
  if (!own_model.empty()) {
    series.push_back(scatter("this model", "c1", 11, std::move(own_model)));
  }
  series.push_back(std::move(run));
  Json option{{"tooltip", {{"trigger", "item"}, {"rows", true}}},
              {"legend", Json::object()},
              {"xAxis",
               bottom_axis(view.sign() + " per million input tokens (logarithmic)", "money", true)},
              {"yAxis", log_axis(view.sign() + " per million output tokens", "money")},
              {"series", std::move(series)}};
  page.chart({.id = "list-prices",
              .question = "Where would this run stand on a price list?",
              .answer = fmt::format("{} of {} list prices ask more for output than the {}/M that "
                                    "it costs here.",
                                    dearer, prices.size(),
                                    view.text("/cost/per_million/output", Style::price)),
              .option = std::move(option),
              .data = std::move(data),
              .use_dataset = false,
              .sketch = Sketch{"input", {{"output", "c1"}}, true, true, true}});
}

void add_trust(const SummaryView& view, Page& page) {
  page.section("trust", "Trust", "How far is this to be trusted?", view.word("/confidence/label"));
  add_error_table(view, page);
  if (const auto nearest = view.words("/confidence/nearest"); !nearest.empty()) {
    page.heading("What was measured near this configuration");
    page.list(nearest);
  }
  if (const auto beyond = view.words("/confidence/extrapolated"); !beyond.empty()) {
    page.heading("Beyond what was measured");
    page.list(beyond);
  }
  page.text("docs/validation.md of Penstock lists every point and its error.");
}

void add_repeat(const Json& manifest, const std::string& workload, const Json* scenario,
                Page& page) {
  page.section("repeat", "Repeat it", "How to have it again",
               "The same files, command and seed give the same numbers to the last digit.", true);
  std::vector<std::string> words;
  for (const Json& word : manifest.value("command", Json::array())) {
    words.push_back(word.is_string() ? word.get<std::string>() : std::string());
  }
  page.code(shell_text(words));
  if (!workload.empty()) {
    const Json inputs = manifest.value("inputs", Json::array());
    page.heading(inputs.empty() || !inputs[0].contains("path") || !inputs[0]["path"].is_string()
                     ? "The workload file"
                     : "The workload file, " + inputs[0]["path"].get<std::string>());
    page.code(workload);
  }
  Table table{.id = "inputs-table",
              .caption = "What it read",
              .head = {"file", "SHA-256"},
              .numbers_from = 9};
  for (const Json& input : manifest.value("inputs", Json::array())) {
    const Json digest = input.value("sha256", Json(nullptr));
    table.rows.push_back({{input.value("path", std::string())},
                          {digest.is_string() ? digest.get<std::string>() : "-"}});
  }
  page.table(table);
  if (scenario != nullptr) {
    page.folded("The scenario with all defaults",
                scenario->dump(2, ' ', false, Json::error_handler_t::replace));
  }
}

}  // namespace penstock::report
