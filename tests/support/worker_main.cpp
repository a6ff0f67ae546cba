/// main of tests that start clusters: the same program is the worker.

#include <daskify/daskify.hpp>

#include <gtest/gtest.h>

int main(int argc, char** argv) {
  daskify::daskified becomes_worker{argc, argv};
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
