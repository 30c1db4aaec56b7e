#pragma once

#include "sim/core/diagnostic.h"
#include "tools/explore/plan_space.h"

namespace penstock::explore {

/// What is wrong with a replica of a plan's space, said where the user can mend it: what the plan
/// put into the file stands at its choice in the `plan` section (without one: at no position), and
/// each error says of which replica it is. Diagnostics of the user's own lines stay there.
Diagnostics at_choices(const PlanQuestion& question, const Shape& shape, Diagnostics diagnostics);

/// The first error as one line, with its first note.
std::string first_error(const Diagnostics& diagnostics);

}  // namespace penstock::explore
