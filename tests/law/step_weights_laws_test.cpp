#include <doctest/doctest.h>

#include "config/catalog.h"
#include "tests/support/step_weights.h"

namespace penstock::config {

TEST_CASE("the GEMMs of a step have the weights that are counted") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::models)) {
    CAPTURE(entry.name);
    const auto model = catalog.model(entry.name, {}, reporter);
    REQUIRE(model);
    test::check_step_weights(*model);
  }
}

}  // namespace penstock::config
