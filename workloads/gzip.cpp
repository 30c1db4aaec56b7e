#include "workloads/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <vector>

#include "sim/core/assert.h"

namespace penstock {

struct GzipPacker::Stream {
  z_stream z = {};
};

GzipPacker::GzipPacker() : stream_(std::make_unique<Stream>()) {
  constexpr int gzip = 16 + MAX_WBITS;
  constexpr int memory = 8;
  const int status = deflateInit2(&stream_->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip, memory,
                                  Z_DEFAULT_STRATEGY);
  PENSTOCK_ASSERT(status == Z_OK);
}

GzipPacker::~GzipPacker() { deflateEnd(&stream_->z); }

std::string GzipPacker::run(std::string_view piece, bool is_last) {
  z_stream& z = stream_->z;
  std::vector<Bytef> input(piece.begin(), piece.end());  // zlib wants to write to it
  std::array<Bytef, std::size_t{1} << 16> buffer;
  std::string packed;
  z.next_in = input.data();
  z.avail_in = static_cast<uInt>(input.size());
  do {
    z.next_out = buffer.data();
    z.avail_out = static_cast<uInt>(buffer.size());
    deflate(&z, is_last ? Z_FINISH : Z_NO_FLUSH);
    packed.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - z.avail_out);
  } while (z.avail_out == 0);
  return packed;
}

}  // namespace penstock
