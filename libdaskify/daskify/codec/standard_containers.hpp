#pragma once

/// Declarations of the standard containers, of complex and of bitset, for their codecs. A program that sends one of
/// them includes its header; other programs need not compile ten headers, which would take a quarter of the compile
/// time of the main header.
///
/// The standard has no header with declarations only. The declarations here are valid for libstdc++ without its debug
/// mode; otherwise the headers are included. (Boost.Container does the same.)

#include <cstddef>

#if defined(__GLIBCXX__) && !defined(_GLIBCXX_DEBUG)

#pragma GCC system_header // suppresses warnings about declarations in namespace std

namespace std {

_GLIBCXX_BEGIN_NAMESPACE_VERSION

template <typename>
class complex;

_GLIBCXX_BEGIN_NAMESPACE_CXX11
template <typename, typename>
class list;
_GLIBCXX_END_NAMESPACE_CXX11

_GLIBCXX_BEGIN_NAMESPACE_CONTAINER
template <size_t>
class bitset;
template <typename, typename>
class deque;
template <typename, typename>
class forward_list;
template <typename, typename, typename>
class set;
template <typename, typename, typename>
class multiset;
template <typename, typename, typename, typename>
class map;
template <typename, typename, typename, typename>
class multimap;
template <typename, typename, typename, typename>
class unordered_set;
template <typename, typename, typename, typename>
class unordered_multiset;
template <typename, typename, typename, typename, typename>
class unordered_map;
template <typename, typename, typename, typename, typename>
class unordered_multimap;
_GLIBCXX_END_NAMESPACE_CONTAINER

_GLIBCXX_END_NAMESPACE_VERSION

} // namespace std

#else

#include <bitset>
#include <complex>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#endif
