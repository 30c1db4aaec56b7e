// A model's config.json, as text: whatever it holds, reading ends with a model whose sizes can be
// counted, or with diagnostics that can be printed.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "config/huggingface.h"
#include "config/render.h"

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace config = penstock::config;
  config::Reporter reporter;
  const auto model = config::parse_huggingface(
      std::make_shared<const config::Source>("config.json", std::string(data, data + size)), "fuzz",
      reporter);
  const penstock::Diagnostics diagnostics = reporter.take();
  require(model.has_value() != penstock::has_errors(diagnostics));
  require(model || !config::render(diagnostics, true).empty());
  if (model) {
    const penstock::Architecture& m = model->architecture;
    require(penstock::parameters(m) > 0);
    require(penstock::active_parameters(m) > 0);
    require(penstock::active_parameters(m) <= penstock::parameters(m));
    for (const int gpus : {1, 8}) {
      const double kv = penstock::kv_bytes_per_token_per_gpu(m, penstock::Dtype::bf16, gpus) +
                        penstock::window_bytes_per_token_per_gpu(m, penstock::Dtype::bf16, gpus);
      require(std::isfinite(kv) && kv > 0);
      const double state = penstock::state_bytes_per_gpu(m, gpus);
      require(std::isfinite(state) && state >= 0);
    }
  }
  return 0;
}
