#include <fmt/format.h>

#include <charconv>
#include <stdexcept>
#include <tuple>

#include "tools/validation/measured.h"
#include "workloads/csv.h"

namespace penstock {
namespace {

/// Rows of a table, by column name.
class Table {
 public:
  explicit Table(const std::filesystem::path& path)
      : path_(path.string()), reader_(LineReader(open_file(path_))) {
    if (!reader_.next()) {
      throw std::runtime_error("cannot read " + path_);
    }
    header_.emplace(reader_);
  }

  bool next() {
    if (!reader_.next()) {
      return false;
    }
    if (!reader_.problem().empty() || reader_.size() != header_->size()) {
      throw std::runtime_error(
          fmt::format("{}: line {} is no good row", path_, reader_.lines().number()));
    }
    return true;
  }

  std::string text(std::string_view column) const {
    const auto index = header_->find(column);
    if (!index) {
      throw std::runtime_error(fmt::format("{}: no column {}", path_, column));
    }
    return std::string(reader_.field(*index));
  }

  double number(std::string_view column) const {
    const std::string cell = text(column);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc{} || end != cell.data() + cell.size()) {
      throw std::runtime_error(fmt::format("{}: {} is not a number: {}", path_, column, cell));
    }
    return value;
  }

 private:
  std::string path_;
  CsvReader reader_;
  std::optional<CsvHeader> header_;
};

auto identity(const PublishedPoint& p) {
  return std::tie(p.family, p.gpu, p.gpus, p.model, p.weights, p.engine, p.tp, p.isl, p.osl, p.load,
                  p.mode);
}

PublishedPoint point_of(const Table& row) {
  PublishedPoint p;
  const std::string id = row.text("id");
  p.family = id.substr(0, id.find('-'));
  p.source = row.text("source");
  p.gpu = row.text("gpu");
  p.gpus = row.text("n_gpu");
  p.model = row.text("model");
  p.weights = row.text("weights_dtype");
  p.engine = row.text("engine");
  p.tp = row.text("tp");
  p.pp = row.text("pp");
  p.ep = row.text("ep");
  p.kv = row.text("kv_dtype");
  p.isl = row.text("isl");
  p.osl = row.text("osl");
  p.load = row.text("concurrency_or_rate");
  p.mode = row.text("mode");
  p.notes = row.text("notes");
  return p;
}

}  // namespace

std::vector<PublishedPoint> read_published_points(const std::filesystem::path& path) {
  std::vector<PublishedPoint> out;
  Table table(path);
  while (table.next()) {
    const PublishedPoint point = point_of(table);
    PublishedPoint* same = nullptr;
    for (PublishedPoint& other : out) {
      same = identity(other) == identity(point) ? &other : same;
    }
    if (same == nullptr) {
      same = &out.emplace_back(point);
    }
    same->metrics[table.text("metric")] = table.number("value");
    ++same->rows;
  }
  return out;
}

std::map<std::string, double> read_run_statistics(const std::filesystem::path& path,
                                                  const std::string& gpu) {
  std::map<std::string, double> out;
  Table table(path);
  while (table.next()) {
    const std::string op = table.text("op");
    if (table.text("gpu") != gpu) {
      continue;
    }
    if (op.starts_with("e2e_")) {
      out[op] = table.number("measured_ms");
    } else if (op == "kv_capacity_tokens") {
      out[op] = table.number("M");
    }
  }
  return out;
}

}  // namespace penstock
