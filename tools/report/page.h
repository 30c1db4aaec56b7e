#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A report as a page of HTML: sections with texts, tables and charts. All texts are plain unless
/// they are said to be HTML.
namespace penstock::report {

using Json = nlohmann::ordered_json;

/// A cell of a table. A number carries its exact value, and where it stands in summary.json.
struct Cell {
  std::string text;
  std::optional<double> value = {};
  std::string pointer = {};  ///< JSON pointer into the summary; empty: from elsewhere
  std::string mark = {};     ///< "met", "missed": its colour
};

struct Table {
  std::string id = {};
  std::string caption = {};
  std::vector<std::string> head = {};
  std::vector<std::vector<Cell>> rows = {};
  std::size_t numbers_from = 1;   ///< columns from here on are numbers
  std::size_t numbers_to = 1000;  ///< up to here
  bool sortable = false;
  bool tooled = false;                     ///< filter, copy, CSV
  std::string variant_of = {};             ///< a chart whose variants the rows stand for
  std::vector<std::string> variants = {};  ///< their names, one a row
};

struct Column {
  std::string name;   ///< in the CSV
  std::string label;  ///< for people
  std::string unit;   ///< a key of `formats` in report.js, or what follows the number
};

/// What a chart shows, as a table: its CSV, and the source of its series.
struct Data {
  std::vector<Column> columns = {};
  Json rows = Json::array();  ///< arrays of numbers, texts and nulls
};

/// The same chart of something else: another rule, another metric.
struct Variant {
  std::string name;
  std::string label;
  std::string answer;
  Json option;  ///< replaces keys of the chart's
};

/// How a small drawing shows the data where there is no ECharts: columns of numbers against one.
struct Sketch {
  std::string x;
  std::vector<std::pair<std::string, std::string>> lines;  ///< column and colour
  bool log_x = false;
  bool log_y = false;
  bool points = false;  ///< instead of lines
};

struct Chart {
  std::string id = {};
  std::string question = {};  ///< its title
  std::string answer = {};    ///< one sentence: what it shows; the text alternative too
  Json option = {};           ///< of ECharts; "$name" is a colour of the style sheet
  Data data = {};
  bool use_dataset = true;  ///< series read the data's columns
  std::vector<Variant> variants = {};
  std::string height = "middle";  ///< low, middle, tall
  std::optional<Sketch> sketch = {};
  std::string rows_of = {};                   ///< a table whose rows are the data's rows
  std::vector<std::size_t> row_numbers = {};  ///< of those, if they are not the same
};

class Page {
 public:
  /// `kind`: "run", "sweep", ...; `sub`: a line below the title.
  Page(std::string kind, std::string title, std::string sub);

  void verdict(std::string_view state, std::string_view strong, std::string_view rest);
  /// What a reader must know before the numbers.
  void warnings(const std::vector<std::string>& warnings);
  struct Tile {
    std::string label;
    Cell number;
    std::string of;
  };
  void tiles(const std::vector<Tile>& tiles);

  /// Starts a section; `name` is its entry in the menu.
  void section(std::string_view id, std::string_view name, std::string_view heading,
               std::string_view lead = {}, bool is_long = false);
  void heading(std::string_view text);
  void text(std::string_view text);
  void list(const std::vector<std::string>& items);
  void code(std::string_view text);
  /// A text that opens on demand.
  void folded(std::string_view summary, std::string_view text);
  void table(const Table& table);
  void chart(const Chart& chart);

  /// The whole page. `islands`: JSON that others can read, by id; `sign`: of the currency;
  /// `footer`: HTML.
  std::string render(const std::vector<std::pair<std::string, Json>>& islands,
                     const std::string& sign, std::string_view footer);

 private:
  void close_section();

  std::string kind_, title_, sub_;
  std::string top_;   ///< before the menu
  std::string menu_;  ///< entries
  std::string body_;
  bool in_section_ = false;
  Json charts_ = Json::object();
};

/// A small drawing: lines or points of the data's columns. Empty if there is nothing to draw.
std::string draw_sketch(const Sketch& sketch, const Data& data);

}  // namespace penstock::report
