#include "daskify/protocol/actors.hpp"

namespace daskify::internal {

DASKIFY_STORE_MESSAGES(DASKIFY_DEFINE_INSPECT)

} // namespace daskify::internal

#define DASKIFY_DEFINE_MESSAGE(TYPE) DASKIFY_INSTANTIATE_MESSAGE(, TYPE)
DASKIFY_STORE_MESSAGES(DASKIFY_DEFINE_MESSAGE)
