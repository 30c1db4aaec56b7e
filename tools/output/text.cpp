#include "tools/output/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace penstock::output {
namespace {

/// Bytes of the UTF-8 character at the start of `text`; 0 if it is malformed.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  const bool bad_second = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
                          (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f);
  return length > 1 && bad_second ? 0 : length;
}

/// value / 10^digits without trailing zeros, exactly.
std::string exact_decimal(std::int64_t value, int digits) {
  std::uint64_t unit = 1;
  for (int i = 0; i < digits; ++i) {
    unit *= 10;
  }
  const bool negative = value < 0;
  const std::uint64_t magnitude = negative ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                                           : static_cast<std::uint64_t>(value);
  std::string text = fmt::format("{}{}", negative ? "-" : "", magnitude / unit);
  std::uint64_t fraction = magnitude % unit;
  if (fraction != 0) {
    while (fraction % 10 == 0) {
      fraction /= 10;
      --digits;
    }
    text += fmt::format(".{:0{}}", fraction, digits);
  }
  return text;
}

}  // namespace

std::string group_digits(std::int64_t value) {
  const std::string digits = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  std::string text = digits.substr(0, first);
  for (std::size_t i = first; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) {
      text += ',';
    }
    text += digits[i];
  }
  return text;
}

std::string exact_seconds(std::int64_t ps) { return exact_decimal(ps, 12); }

std::string exact_dollars(std::int64_t nano) { return exact_decimal(nano, 9); }

std::string figure(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) {
    return "-";
  }
  if (size >= 1e15) {
    return fmt::format("{:.2e}", value);
  }
  if (size >= 999.95) {
    return group_digits(std::llround(value));
  }
  if (size >= 9.995) {
    return fmt::format("{:.1f}", value);
  }
  if (size >= 0.0995 || size == 0) {
    return size == 0 ? "0" : fmt::format("{:.2f}", value);
  }
  return fmt::format("{:.3g}", value);
}

std::string price_figure(double price) {
  if (price > 0 && price < 1e-4) {
    return "<0.0001";
  }
  return price > 0 && price < 0.095 ? fmt::format("{:.2g}", price) : figure(price);
}

std::string currency_sign(std::string_view currency) {
  return currency == "USD" ? "$" : currency == "EUR" ? "€" : printable(currency);
}

std::string money(double amount, std::string_view currency) {
  const bool has_sign = currency == "USD" || currency == "EUR";
  const std::string unit = currency_sign(currency) + (has_sign ? "" : " ");
  const double size = std::abs(amount);
  if (size >= 999.995) {
    return unit + group_digits(std::llround(amount));
  }
  if (size >= 0.0995 || size == 0) {
    return fmt::format("{}{:.2f}", unit, amount);
  }
  return fmt::format("{}{:.3g}", unit, amount);
}

std::string percent(double share) {
  const double value = share * 100;
  if (value > 99 && value < 100) {
    // As many nines as it takes to show what is missing.
    for (int digits = 1; digits <= 3; ++digits) {
      const std::string text = fmt::format("{:.{}f}", value, digits);
      if (!text.starts_with("100")) {
        return text + " %";
      }
    }
    return "99.999 %";
  }
  if (value >= 90 && value < 99) {
    return fmt::format("{:.3g} %", value);  // near a target a tenth matters
  }
  if (value > 0 && value < 1) {
    return fmt::format("{:.2g} %", value);
  }
  return fmt::format("{:.0f} %", value);
}

TimeUnit time_unit(double milliseconds) {
  if (milliseconds < 1) {
    return milliseconds < 0.9995e-6   ? TimeUnit{"ps", 1e-9}
           : milliseconds < 0.9995e-3 ? TimeUnit{"ns", 1e-6}
                                      : TimeUnit{"µs", 1e-3};
  }
  if (milliseconds < 10'000) {
    return {"ms", 1};
  }
  return milliseconds < 7'200'000 ? TimeUnit{"s", 1e3} : TimeUnit{"h", 3.6e6};
}

std::string span_text(double seconds) {
  if (seconds < 1) {
    const double milliseconds = seconds * 1000;
    const TimeUnit unit = time_unit(milliseconds > 0 ? milliseconds : 1);
    return fmt::format("{} {}", figure(milliseconds / unit.milliseconds), unit.name);
  }
  if (seconds < 120) {
    return fmt::format("{:.3g} s", seconds);
  }
  if (seconds < 7200) {
    return fmt::format("{:.3g} min", seconds / 60);
  }
  if (seconds < 2 * 86400) {
    return fmt::format("{:.3g} h", seconds / 3600);
  }
  return fmt::format("{:.3g} days", seconds / 86400);
}

std::string printable(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      clean += "\xef\xbf\xbd";
      ++i;
      continue;
    }
    // C0, DEL and C1 (two bytes, c2 80 to c2 9f) would command the terminal.
    if (length == 1 && (byte < 0x20 || byte == 0x7f)) {
      clean += fmt::format("\\x{:02x}", byte);
    } else if (length == 2 && byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      clean += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + 1]));
    } else {
      clean += text.substr(i, length);
    }
    i += length;
  }
  return clean;
}

std::size_t columns(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = std::min(text.find('m', i), text.size());
    } else {
      shown += text[i];
    }
  }
  // fmt knows how wide characters are, and pads to a width with one byte a column.
  const std::size_t wide = 2 * shown.size();
  return shown.size() + wide - fmt::formatted_size("{:<{}}", shown, wide);
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::string padded(text);
  const std::size_t used = columns(text);
  padded.append(used < width ? width - used : 0, ' ');
  return padded;
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  std::string padded(used < width ? width - used : 0, ' ');
  padded += text;
  return padded;
}

std::string csv_field(std::string_view text) {
  const bool edge = !text.empty() && (text.front() == ' ' || text.back() == ' ');
  if (!edge && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') {
      quoted += '"';
    }
  }
  return quoted + '"';
}

std::string quantile_name(double share) { return fmt::format("p{:.6g}", share * 100); }

std::string parallel_text(const ClusterSpec& cluster) {
  std::string text =
      cluster.data_parallel > 1 ? fmt::format("DP{} ", cluster.data_parallel) : std::string();
  text += fmt::format("TP{}", cluster.tensor_parallel);
  text += cluster.pipeline_parallel > 1 ? fmt::format(" PP{}", cluster.pipeline_parallel) : "";
  return text + (cluster.expert_parallel > 1 ? fmt::format(" EP{}", cluster.expert_parallel) : "");
}

}  // namespace penstock::output
