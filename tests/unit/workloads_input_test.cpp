#include <doctest/doctest.h>
#include <zlib.h>

#include <string>

#include "tests/support/command.h"
#include "tests/support/workload_text.h"
#include "workloads/timestamp.h"
#include "workloads/trace_input.h"

namespace penstock {
namespace {

std::string packed(const std::string& text) {
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(text.size() + 1000, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

/// All lines, joined by `|`, and what failed.
std::string lines_of(const std::string& bytes) {
  const TraceInput input = TraceInput::of_text(bytes);
  std::string all;
  for (int pass = 0; pass < 2; ++pass) {  // as often as one likes
    LineReader lines(input.open());
    all.clear();
    while (lines.next()) {
      all += std::string(lines.line()) + "|";
    }
    all += lines.read_failure();
  }
  return all;
}

double seconds(const Timestamp& stamp) {
  REQUIRE(stamp.error == nullptr);
  return static_cast<double>(stamp.ps) / 1e12;
}

}  // namespace

TEST_CASE("gzip is unpacked, of several members too") {
  CHECK(lines_of("a\nb") == "a|b|");
  CHECK(lines_of(packed("a\nb\n")) == "a|b|");
  CHECK(lines_of(packed("a\nb") + packed("c\n")) == "a|bc|");
  std::string large;
  for (int i = 0; i < 100'000; ++i) {
    large += std::to_string(i) + "\n";
  }
  CHECK(lines_of(packed(large)).size() == large.size());
  CHECK(lines_of("").empty());
}

TEST_CASE("gzip data that end early or are damaged say so") {
  const std::string whole = packed("1\n2\n3\n");
  CHECK(lines_of(whole.substr(0, whole.size() - 9)).find("the gzip data end too early") !=
        std::string::npos);
  std::string damaged = whole;
  damaged[whole.size() - 6] = static_cast<char>(damaged[whole.size() - 6] ^ 0x40);
  CHECK(lines_of(damaged).find("the gzip data are damaged") != std::string::npos);
  CHECK(lines_of("\x1F\x8B garbage").find("the gzip data are damaged") != std::string::npos);
}

TEST_CASE("plain numbers are read exactly, in every unit") {
  CHECK(parse_seconds("12").ps == 12 * Int128{ps_per_s});
  CHECK(parse_seconds("-0.5").ps == -ps_per_s / 2);
  CHECK(parse_seconds("1e-05").ps == 10'000'000);
  CHECK(parse_seconds("1.5E+3").ps == 1500 * Int128{ps_per_s});
  CHECK(parse_seconds("0.0000000000004").ps == 0);
  CHECK(parse_seconds("0.0000000000005").ps == 1);
  CHECK(parse_seconds("11.836632999999999").ps == 11'836'633'000'000);
  CHECK(parse_seconds(".5").ps == ps_per_s / 2);
  CHECK(parse_seconds("5.").ps == 5 * Int128{ps_per_s});
  CHECK(parse_milliseconds("3000.5").ps == 3'000'500'000'000);
  CHECK(parse_microseconds("7").ps == 7'000'000);
  CHECK(parse_nanoseconds("46926808").ps == 46'926'808'000);
  CHECK(parse_nanoseconds("0.0004").ps == 0);
  CHECK(parse_nanoseconds("0.0005").ps == 1);
  CHECK(seconds(parse_seconds("123456789.000000000001")) == doctest::Approx(123456789.0));
  CHECK(parse_seconds("8640000.0000000000019").ps == Int128{8'640'000} * ps_per_s + 1);
  CHECK(parse_seconds("86400000.000000000009").ps == Int128{86'400'000} * ps_per_s);
  CHECK(parse_seconds("1.7e9").ps == Int128{1'700'000'000} * ps_per_s);
  CHECK(parse_seconds("1e15").ps == Int128{1'000'000'000'000'000} * ps_per_s);
  CHECK(std::string(parse_seconds("1e16").error) == "too large");
  CHECK(parse_seconds("0e999").ps == 0);
  CHECK(parse_seconds("1e-999").ps == 0);
  CHECK(std::string(parse_seconds("1e30").error) == "too large");
  CHECK(std::string(parse_seconds(std::string(50, '9')).error) == "too large");
  for (const char* text :
       {"", "-", ".", "1e", "e5", "1 ", " 1", "1x", "+1", "1.2.3", "nan", "0x1"}) {
    CAPTURE(text);
    REQUIRE(parse_seconds(text).error != nullptr);
    CHECK(std::string(parse_seconds(text).error) == "no number");
  }
}

}  // namespace penstock
