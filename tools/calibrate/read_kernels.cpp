#include "tools/calibrate/read_kernels.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "config/catalog.h"

namespace penstock::calibrate {
namespace {

struct NumberColumn {
  std::string_view name;
  double KernelTime::*field;
};
constexpr std::array<NumberColumn, 12> number_columns{{{"tp", &KernelTime::tp},
                                                       {"M", &KernelTime::m},
                                                       {"N", &KernelTime::n},
                                                       {"K", &KernelTime::k},
                                                       {"B", &KernelTime::decodes},
                                                       {"q", &KernelTime::q},
                                                       {"kv_prefix", &KernelTime::kv_prefix},
                                                       {"kv_decode", &KernelTime::kv_decode},
                                                       {"nq", &KernelTime::q_heads},
                                                       {"nkv", &KernelTime::kv_heads},
                                                       {"hd", &KernelTime::head_dim},
                                                       {"measured_ms", &KernelTime::measured_ms}}};

struct TextColumn {
  std::string_view name;
  std::string KernelTime::*field;
};
constexpr std::array<TextColumn, 6> text_columns{{{"gpu", &KernelTime::gpu},
                                                  {"source", &KernelTime::source},
                                                  {"model", &KernelTime::model},
                                                  {"sub", &KernelTime::sub},
                                                  {"op", &KernelTime::op},
                                                  {"dtype", &KernelTime::dtype}}};

/// What the shape lacks for its operator; empty if nothing.
std::string_view shape_problem(const KernelTime& row) {
  if (row.op == "gemm") {
    return row.m > 0 && row.n > 0 && row.k > 0 ? "" : "a gemm needs M, N and K";
  }
  if (row.op == "all_reduce") {
    return row.m > 0 && row.tp > 1 ? "" : "an all_reduce needs M (bytes) and tp (GPUs)";
  }
  const bool has_heads = row.q_heads > 0 && row.kv_heads > 0 && row.head_dim > 0;
  const bool has_decodes = row.decodes > 0 && row.kv_decode > 0;
  const bool has_chunk = row.q > 0;
  const bool is_whole = row.op == "attn_decode"    ? has_decodes
                        : row.op == "attn_prefill" ? has_chunk
                                                   : has_decodes && has_chunk;
  return has_heads && is_whole
             ? ""
             : "attention needs nq, nkv and hd, q for a chunk, B and kv_decode for decodes";
}

bool is_known(const KernelTime& row) {
  static constexpr std::array<std::string_view, 5> ops{"gemm", "attn_decode", "attn_prefill",
                                                       "attn_mixed", "all_reduce"};
  // An all-reduce whose N, the GPUs of a server, are fewer crosses servers: no formula of ours.
  const bool crosses = row.op == "all_reduce" && row.n > 0 && row.n < row.tp;
  return !crosses && std::find(ops.begin(), ops.end(), row.op) != ops.end();
}

/// The project's name of a dtype, by whatever name; empty if it has none.
std::string dtype_name(std::string_view given) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> others{
      {{"", "bf16"},
       {"bfloat16", "bf16"},
       {"fp16", "bf16"},
       {"float16", "bf16"},
       {"half", "bf16"},
       {"float8_e4m3fn", "fp8"},
       {"float8_e4m3fnuz", "fp8"},
       {"fp8_e4m3", "fp8"},
       {"e4m3", "fp8"}}};
  for (const auto& [name, ours] : others) {
    given = given == name ? ours : given;
  }
  return config::parse_dtype(given) ? std::string(given) : std::string();
}

/// False if a number is none, or the dtype: reported.
bool read_kernel_row(const CsvReader& reader, const CsvHeader& header, ErrorLog& errors,
                     KernelTime& row) {
  for (const TextColumn& column : text_columns) {
    if (const auto index = header.find(column.name)) {
      row.*column.field = reader.field(*index);
    }
  }
  if (!is_known(row)) {
    return true;
  }
  const std::string dtype = dtype_name(row.dtype);
  if (dtype.empty() && row.op == "gemm") {
    errors.add(reader.span(*header.find("dtype")), "no dtype of a gemm is called this", {},
               {"known are bf16, fp8, int8, nvfp4, mxfp4 and int4; fp16 counts as bf16"});
    return false;
  }
  row.dtype = dtype.empty() ? row.dtype : dtype;
  for (const NumberColumn& column : number_columns) {
    const auto index = header.find(column.name);
    const std::string_view cell = index ? reader.field(*index) : std::string_view();
    if (cell.empty()) {
      continue;
    }
    const auto [end, error] =
        std::from_chars(cell.data(), cell.data() + cell.size(), row.*column.field);
    if (error != std::errc{} || end != cell.data() + cell.size() ||
        !std::isfinite(row.*column.field) || row.*column.field < 0) {
      errors.add(reader.span(*index), std::string(column.name) + " is no number from 0");
      return false;
    }
  }
  if (row.op == "attn_decode" && row.kv_decode == 0 && row.kv_prefix > 0) {
    row.kv_decode = row.kv_prefix + row.q;  // as a chunk of one token
  }
  return true;
}

}  // namespace

void read_kernels(CsvReader& reader, const CsvHeader& header, ErrorLog& errors, Measurement& out) {
  out.format = "kernels as CSV";
  while (reader.next()) {
    if (!reader.problem().empty() || reader.size() != header.size()) {
      errors.add(reader.row_span(), "this is no row of the table");
      continue;
    }
    KernelTime row;
    if (!read_kernel_row(reader, header, errors, row) || !is_known(row)) {
      continue;
    }
    if (const std::string_view problem = shape_problem(row); !problem.empty()) {
      errors.add(reader.row_span(), std::string(problem));
    } else if (row.measured_ms > 0) {
      out.kernels.push_back(std::move(row));
    }
  }
}

}  // namespace penstock::calibrate
