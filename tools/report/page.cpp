#include "tools/report/page.h"

#include <fmt/format.h>

#include "tools/report/assets.h"
#include "tools/report/html.h"

namespace penstock::report {
namespace {

std::string cell_html(const Cell& cell, const char* tag, bool is_number, bool is_short = false) {
  std::string classes = is_number ? "n" : "";
  if (!is_number && cell.text.size() > 30) {
    classes = "prose";
  }
  if (!cell.mark.empty()) {
    classes += (classes.empty() ? "" : " ") + cell.mark;
  }
  std::string attributes = classes.empty() ? "" : fmt::format(" class=\"{}\"", classes);
  if (cell.value) {
    attributes += fmt::format(" data-v=\"{}\"", *cell.value);
    attributes += is_short ? "" : fmt::format(" title=\"{}\"", *cell.value);
  } else if (is_number) {
    attributes += " data-v=\"\"";
  }
  if (!cell.pointer.empty()) {
    attributes += fmt::format(" data-path=\"{}\"", escape(cell.pointer));
  }
  return fmt::format("<{0}{1}>{2}</{0}>", tag, attributes, escape(cell.text));
}

std::string table_html(const Table& table) {
  std::string classes = table.sortable ? "sortable" : "";
  classes += table.tooled ? " tooled" : "";
  std::string out = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table "
      "id=\"{}\"{}{}>",
      escape(table.caption), escape(table.id),
      classes.empty() ? "" : fmt::format(" class=\"{}\"", classes),
      table.variant_of.empty() ? "" : fmt::format(" data-variant-of=\"{}\"", table.variant_of));
  out += fmt::format("<caption>{}</caption><thead><tr>", escape(table.caption));
  for (std::size_t c = 0; c < table.head.size(); ++c) {
    out += fmt::format("<th scope=\"col\"{}>{}</th>",
                       c >= table.numbers_from && c < table.numbers_to ? " class=\"n\"" : "",
                       escape(table.head[c]));
  }
  out += "</tr></thead><tbody>";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    out += fmt::format("<tr data-row=\"{}\"", r);
    if (!table.variants.empty()) {
      out += fmt::format(" data-variant=\"{}\"", escape(table.variants[r]));
      out += r == 0 ? " class=\"chosen\"" : "";
    }
    out += '>';
    for (std::size_t c = 0; c < table.rows[r].size(); ++c) {
      const bool is_number = c >= table.numbers_from && c < table.numbers_to;
      out += c == 0 && !is_number
                 ? fmt::format("<th scope=\"row\">{}</th>", escape(table.rows[r][c].text))
                 : cell_html(table.rows[r][c], "td", is_number, table.tooled);
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

Json column_json(const Column& column) {
  return {{"name", column.name}, {"label", column.label}, {"unit", column.unit}};
}

Json chart_json(const Chart& chart) {
  Json out{{"question", chart.question},
           {"option", chart.option},
           {"use_dataset", chart.use_dataset},
           {"data", {{"columns", Json::array()}, {"rows", chart.data.rows}}}};
  for (const Column& column : chart.data.columns) {
    out["data"]["columns"].push_back(column_json(column));
  }
  if (!chart.variants.empty()) {
    out["variants"] = Json::array();
    for (const Variant& variant : chart.variants) {
      out["variants"].push_back({{"name", variant.name},
                                 {"label", variant.label},
                                 {"answer", variant.answer},
                                 {"option", variant.option}});
    }
  }
  if (!chart.rows_of.empty()) {
    out["rows_of"] = chart.rows_of;
    out["row_numbers"] = chart.row_numbers;
  }
  return out;
}

std::string variants_html(const Chart& chart) {
  if (chart.variants.size() < 2) {
    return "";
  }
  std::string out = fmt::format("<div class=\"variants\" role=\"group\" aria-label=\"{}\">",
                                escape(chart.question));
  bool first = true;
  for (const Variant& variant : chart.variants) {
    out += fmt::format("<button type=\"button\" aria-pressed=\"{}\">{}</button>",
                       first ? "true" : "false", escape(variant.label));
    first = false;
  }
  return out + "</div>";
}

/// No request leaves the page, and only the scripts that it was written with run.
std::string policy(std::string_view library) {
  return fmt::format(
      "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {}{}; "
      "base-uri 'none'; form-action 'none'",
      library.empty() ? "" : script_hash(library) + " ", script_hash(page_script()));
}

}  // namespace

Page::Page(std::string kind, std::string title, std::string sub)
    : kind_(std::move(kind)), title_(std::move(title)), sub_(std::move(sub)) {}

void Page::verdict(std::string_view state, std::string_view strong, std::string_view rest) {
  const char* mark = state == "met" ? "✓" : state == "missed" ? "✗" : "•";
  top_ += fmt::format(
      "<div class=\"verdict {}\" id=\"verdict\"><span class=\"mark\" aria-hidden=\"true\">{}</span>"
      "<div><strong>{}</strong>{}</div></div>\n",
      state, mark, escape(strong), escape(rest));
}

void Page::warnings(const std::vector<std::string>& warnings) {
  if (warnings.empty()) {
    return;
  }
  top_ += "<ul class=\"plain warnings\" aria-label=\"warnings\">";
  for (const std::string& warning : warnings) {
    top_ += fmt::format("<li>{}</li>", escape(warning));
  }
  top_ += "</ul>\n";
}

void Page::tiles(const std::vector<Tile>& tiles) {
  top_ += "<dl class=\"tiles\">";
  for (const Tile& tile : tiles) {
    top_ += fmt::format("<div><dt>{}</dt>{}<dd class=\"of\">{}</dd></div>", escape(tile.label),
                        cell_html(tile.number, "dd", true), escape(tile.of));
  }
  top_ += "</dl>\n";
}

void Page::close_section() {
  body_ += in_section_ ? "</section>\n" : "";
  in_section_ = false;
}

void Page::section(std::string_view id, std::string_view name, std::string_view heading,
                   std::string_view lead, bool is_long) {
  close_section();
  in_section_ = true;
  menu_ += fmt::format("<li><a href=\"#{}\">{}</a></li>", id, escape(name));
  body_ +=
      fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-h\"{2}><h2 id=\"{0}-h\">{1}</h2>\n",
                  id, escape(heading), is_long ? " class=\"long\"" : "");
  if (!lead.empty()) {
    body_ += fmt::format("<p class=\"lead\">{}</p>\n", escape(lead));
  }
}

void Page::heading(std::string_view text) { body_ += fmt::format("<h3>{}</h3>\n", escape(text)); }

void Page::text(std::string_view text) { body_ += fmt::format("<p>{}</p>\n", escape(text)); }

void Page::list(const std::vector<std::string>& items) {
  body_ += "<ul class=\"plain\">";
  for (const std::string& item : items) {
    body_ += fmt::format("<li>{}</li>", escape(item));
  }
  body_ += "</ul>\n";
}

void Page::code(std::string_view text) {
  body_ += fmt::format("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(text));
}

void Page::folded(std::string_view summary, std::string_view text) {
  body_ += fmt::format(
      "<details><summary>{}</summary><pre tabindex=\"0\"><code>{}</code></pre>"
      "</details>\n",
      escape(summary), escape(text));
}

void Page::table(const Table& table) { body_ += table_html(table); }

void Page::chart(const Chart& chart) {
  charts_[chart.id] = chart_json(chart);
  body_ += fmt::format(
      "<figure data-chart=\"{0}\" id=\"chart-{0}\"><figcaption><h3>{1}</h3>"
      "<p class=\"answer\">{2}</p></figcaption>{3}"
      "<div class=\"plot {4}\" role=\"img\" aria-label=\"{1} {2}\">{5}</div>"
      "<div class=\"foot\"><details class=\"behind\"><summary>The numbers behind it</summary>"
      "</details><button type=\"button\" class=\"csv\" aria-label=\"CSV: {1}\">CSV</button></div>"
      "</figure>\n",
      chart.id, escape(chart.question), escape(chart.answer), variants_html(chart), chart.height,
      chart.sketch ? draw_sketch(*chart.sketch, chart.data) : "");
}

std::string Page::render(const std::vector<std::pair<std::string, Json>>& islands,
                         const std::string& sign, std::string_view footer) {
  close_section();
  const std::string_view library = chart_library();
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"generator\" content=\"penstock report\">\n<title>{} - Penstock</title>\n"
      "<style>\n{}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n",
      policy(library), escape(title_), style_sheet());
  out += fmt::format(
      "<header class=\"wide\"><div class=\"eyebrow\"><span>Penstock · {}</span>"
      "<button type=\"button\" id=\"theme\" hidden>Light / dark</button></div>\n<h1>{}</h1>"
      "<p class=\"sub\">{}</p>\n{}</header>\n",
      kind_, escape(title_), escape(sub_), top_);
  out += fmt::format("<nav aria-label=\"sections\"><div class=\"wide\"><ul>{}</ul></div></nav>\n",
                     menu_);
  out += fmt::format("<main class=\"wide\" id=\"main\" style=\"padding-top:16px\">\n{}</main>\n",
                     body_);
  out += fmt::format("<footer class=\"wide\">{}</footer>\n", footer);
  for (const auto& [id, value] : islands) {
    out += fmt::format("<script type=\"application/json\" id=\"{}\">{}</script>\n", id,
                       script_json(value));
  }
  out += "<script type=\"application/json\" id=\"data\">" +
         script_json({{"sign", sign}, {"charts", charts_}}) + "</script>\n";
  if (!library.empty()) {
    out += fmt::format("<script>{}</script>\n", library);
  }
  return out + fmt::format("<script>{}</script>\n</body>\n</html>\n", page_script());
}

}  // namespace penstock::report
