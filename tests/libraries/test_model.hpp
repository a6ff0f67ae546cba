#pragma once

/// A shared library whose functions run on workers that have loaded it, whatever programs they belong to. The tests are
/// linked with it.

#include <daskify/daskify.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::test {

/// The calls are made in the library, so that all of their code is there.
futures<double> sweep_of_model(daskified& cluster, int count);

/// Registered by their names in this namespace.
double energy(double x, int n);
std::string labelled(const std::string& name, std::string_view more, int n);
double dot(std::span<const double> a, const std::vector<double>& b);
std::vector<double> filled(int count, double x);
int odd_ones_only(int x);
/// this_task::index, loop and seed.
std::array<std::uint64_t, 3> place_of_task(int x);
/// Energies up to n, by tasks of its own.
double sum_of_energies(int n);
/// The elements lie in shared memory.
bool is_shared(std::span<const double> all);
/// Where the elements are, which tells whether tasks of one process see the same.
std::uintptr_t address_in_worker(const std::vector<double>& all, int x);

/// Not registered.
int unregistered(int x);

} // namespace daskify::test
