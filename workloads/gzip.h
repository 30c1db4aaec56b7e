#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace penstock {

/// Packs a text with gzip, piece by piece; the same bytes for the same text.
class GzipPacker {
 public:
  GzipPacker();
  ~GzipPacker();
  GzipPacker(const GzipPacker&) = delete;
  GzipPacker& operator=(const GzipPacker&) = delete;

  /// The packed bytes that are ready after this piece; may be empty.
  std::string pack(std::string_view piece) { return run(piece, false); }
  /// The last ones. Nothing may be packed afterwards.
  std::string finish() { return run({}, true); }

 private:
  struct Stream;
  std::string run(std::string_view piece, bool is_last);

  std::unique_ptr<Stream> stream_;
};

}  // namespace penstock
