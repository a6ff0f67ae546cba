#pragma once

/// The version of the library with which a program is compiled. The build takes the project's version from here.

#define DASKIFY_VERSION_MAJOR 0
#define DASKIFY_VERSION_MINOR 1
#define DASKIFY_VERSION_PATCH 0

/// A single number, for comparisons: major * 10000 + minor * 100 + patch.
#define DASKIFY_VERSION (DASKIFY_VERSION_MAJOR * 10000 + DASKIFY_VERSION_MINOR * 100 + DASKIFY_VERSION_PATCH)

// The string "major.minor.patch".
#define DASKIFY_QUOTED(X) #X
#define DASKIFY_VERSION_TEXT(MAJOR, MINOR, PATCH)                                                                      \
  DASKIFY_QUOTED(MAJOR) "." DASKIFY_QUOTED(MINOR) "." DASKIFY_QUOTED(PATCH)
#define DASKIFY_VERSION_STRING DASKIFY_VERSION_TEXT(DASKIFY_VERSION_MAJOR, DASKIFY_VERSION_MINOR, DASKIFY_VERSION_PATCH)
