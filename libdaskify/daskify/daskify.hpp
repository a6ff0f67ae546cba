#pragma once

/// All headers that a user's program needs. Start reading at daskified.hpp.

#include "daskify/codec.hpp"
#include "daskify/daskified.hpp"
#include "daskify/error.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/function.hpp"
#include "daskify/future.hpp"
#include "daskify/iterables.hpp"
#include "daskify/options.hpp"
#include "daskify/progress.hpp"
#include "daskify/scattered.hpp"
#include "daskify/this_task.hpp"
#include "daskify/version.hpp"

// For programs that include only the main header; the other headers of daskify include what they need themselves.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
