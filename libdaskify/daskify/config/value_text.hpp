#pragma once

/// The text forms of option values: each kind of value describes its form in words, reads a text strictly (completely,
/// within limits) and writes a value so that reading restores it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "daskify/protocol/endpoint.hpp"

namespace daskify::internal {

/// Thrown by `read`; `what()` continues a sentence that begins with the text: "is negative".
class bad_value : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A count from `least` to `most`.
struct whole_number {
  std::size_t least;
  std::size_t most;

  std::string form() const;
  std::size_t read(std::string_view text) const;
  template <class Integer>
  std::string write(Integer value) const {
    return std::to_string(value);
  }
};

/// A time span from limits::shortest_duration to limits::longest_duration: a number with ms, s, m, h or d,
/// rounded to milliseconds (500ms, 1.5s); without unit: seconds; or, as in SLURM, HOURS:MM:SS and
/// DAYS-HH:MM:SS.
struct duration {
  std::string form() const;
  std::chrono::milliseconds read(std::string_view text) const;
  std::string write(std::chrono::milliseconds value) const;
};

/// An amount of memory, from limits::smallest_store on: a number with B, KB, MB, GB, TB (of 1000) or KiB, MiB, GiB, TiB
/// (of 1024).
struct byte_size {
  std::string form() const;
  std::uint64_t read(std::string_view text) const;
  std::string write(std::uint64_t value) const;
};

/// A path, used unchanged.
struct file_path {
  std::string form() const;
  std::string read(std::string_view text) const;
  std::string write(std::string value) const { return value; }
};

/// A name that other programs know, such as a partition's.
struct word {
  std::string form() const;
  std::string read(std::string_view text) const;
  std::string write(std::string value) const { return value; }
};

/// HOST:PORT; an IPv6 address is in brackets.
struct host_and_port {
  std::string form() const;
  endpoint read(std::string_view text) const;
  std::string write(const endpoint& value) const { return to_text(value); }
  std::string write(std::string value) const { return value; }
};

/// Any number of lines. A config file and a command line give one line at a time; "none" stands for no lines.
struct line_list {
  std::string_view each; ///< what a line is: "an option of sbatch"

  std::string form() const;
  std::vector<std::string> read(std::string_view text) const;
  std::string write(const std::vector<std::string>& value) const;
};

/// Names of hosts, separated by commas, blanks or newlines; "none" stands for no hosts.
struct host_list {
  std::string form() const;
  std::vector<std::string> read(std::string_view text) const;
  std::string write(const std::vector<std::string>& value) const;
};

struct yes_or_no {
  std::string form() const;
  bool read(std::string_view text) const;
  std::string write(bool value) const { return value ? "yes" : "no"; }
};

/// A switch: `on` and `off`; `yes` and `no` are accepted, too.
struct on_or_off {
  std::string form() const;
  bool read(std::string_view text) const;
  std::string write(bool value) const { return value ? "on" : "off"; }
};

/// One of the words in `names`; the position of a word is the value of its enumerator.
template <class Enum>
struct choice {
  std::span<const std::string_view> names;

  std::string form() const {
    std::string all;
    for (auto name : names)
      all.append(all.empty() ? "one of " : ", ").append(name);
    return all;
  }

  Enum read(std::string_view text) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == text)
        return static_cast<Enum>(i);
    throw bad_value{"is none of the allowed words"};
  }

  std::string write(Enum value) const { return std::string{to_string(value)}; }
};

} // namespace daskify::internal
