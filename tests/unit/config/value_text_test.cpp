#include "daskify/config/value_text.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daskify/defaults.hpp"
#include "daskify/options.hpp"
#include "daskify/protocol/endpoint.hpp"

using namespace std::chrono_literals;
using namespace daskify::internal;

namespace {

/// What is said against `text`; empty when it is accepted.
template <class Kind>
std::string objection(const Kind& kind, std::string_view text) {
  try {
    kind.read(text);
    return {};
  } catch (const bad_value& why) {
    return why.what();
  }
}

constexpr choice<daskify::progress_style> style{daskify::detail::progress_style_names};

} // namespace

TEST(whole_number, reads_its_limits_and_what_is_between) {
  whole_number kind{1, 1000};
  EXPECT_EQ(kind.read("1"), 1u);
  EXPECT_EQ(kind.read("42"), 42u);
  EXPECT_EQ(kind.read("1000"), 1000u);
  EXPECT_EQ(kind.read("007"), 7u);
}

TEST(whole_number, says_why_it_refuses_a_text) {
  whole_number kind{1, 1000};
  EXPECT_EQ(objection(kind, "0"), "is less than 1");
  EXPECT_EQ(objection(kind, "1001"), "is more than 1000");
  EXPECT_EQ(objection(kind, "18446744073709551616"), "is more than 1000");
  EXPECT_EQ(objection(kind, std::string(5000, '9')), "is more than 1000");
  EXPECT_EQ(objection(kind, "-1"), "is negative");
  for (auto text : {"", "four", "4x", "4 ", " 4", "+4", "4.0", "1e2", "0x10", "-", "--4"})
    EXPECT_EQ(objection(kind, text), "is not a whole number") << text;
  EXPECT_EQ(objection(kind, std::string_view{"4\0", 2}), "is not a whole number");
}

TEST(duration, reads_every_form) {
  const std::vector<std::pair<std::string, std::chrono::milliseconds>> forms{
      {"500ms", 500ms},
      {"1.5s", 1500ms},
      {"0.25s", 250ms},
      {"1.1s", 1100ms},
      {"10m", 10min},
      {"2h", 2h},
      {"1.5h", 90min},
      {"3d", 72h},
      {"366d", 366 * 24h},
      {"60", 60s},
      {"0.5", 500ms},
      {"1ms", 1ms},
      {"0.0015s", 2ms},
      {"10:00:00", 10h},
      {"0:00:01", 1s},
      {"1:02:03", 1h + 2min + 3s},
      {"100:00:00", 100h},
      {"1-00:00:00", 24h},
      {"2-03:04:05", 51h + 4min + 5s},
  };
  for (const auto& [text, value] : forms)
    EXPECT_EQ(duration{}.read(text), value) << text;
}

TEST(duration, says_why_it_refuses_a_text) {
  const std::vector<std::pair<std::string, std::string>> refusals{
      {"0", "is less than 1ms"},
      {"0s", "is less than 1ms"},
      {"0.1ms", "is less than 1ms"},
      {"0:00:00", "is less than 1ms"},
      {"367d", "is more than 366d"},
      {"9223372036854775807", "is more than 366d"},
      {"18446744073709551616-00:00:00", "is more than 366d"},
      {"99999999999999999999:00:00", "is more than 366d"},
      {"-1s", "is negative"},
      {"", "does not start with a number"},
      {"s", "does not start with a number"},
      {" 1s", "does not start with a number"},
      {"+1s", "does not start with a number"},
      {".5s", "does not start with a number"},
      {"inf", "does not start with a number"},
      {"nan", "does not start with a number"},
      {":00:00", "does not start with a number"},
      {"10 s", "has the unknown unit ' s'"},
      {"10sec", "has the unknown unit 'sec'"},
      {"10S", "has the unknown unit 'S'"},
      {"10s ", "has the unknown unit 's '"},
      {"1.2.3s", "has the unknown unit '.3s'"},
      {"1e3s", "has the unknown unit 'e3s'"},
      {"0x10s", "has the unknown unit 'x10s'"},
      {"10:00", "has other parts than HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1-12", "has other parts than HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1:60:00", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1:00:60", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1-24:00:00", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1-2-03:00:00", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1:2:3:4", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1::3", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1:02:", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1:02:0-3", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
      {"1:02:03s", "is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"},
  };
  for (const auto& [text, why] : refusals)
    EXPECT_EQ(objection(duration{}, text), why) << text;
  EXPECT_EQ(objection(duration{}, std::string(5000, '9')), "is too large a number");
}

TEST(duration, writes_the_longest_unit_that_fits) {
  EXPECT_EQ(duration{}.write(500ms), "500ms");
  EXPECT_EQ(duration{}.write(1500ms), "1500ms");
  EXPECT_EQ(duration{}.write(1s), "1s");
  EXPECT_EQ(duration{}.write(60s), "60s");
  EXPECT_EQ(duration{}.write(90s), "90s");
  EXPECT_EQ(duration{}.write(10min), "10m");
  EXPECT_EQ(duration{}.write(2h), "2h");
  EXPECT_EQ(duration{}.write(72h), "3d");
  EXPECT_EQ(duration{}.write(0ms), "0s");
  EXPECT_EQ(duration{}.write(-5s), "-5s");
}

TEST(duration, reads_back_what_it_writes) {
  for (auto value = daskify::limits::shortest_duration; value <= daskify::limits::longest_duration;
       value += value / 7 + 1ms)
    EXPECT_EQ(duration{}.read(duration{}.write(value)), value);
  EXPECT_EQ(duration{}.read(duration{}.write(daskify::limits::longest_duration)), daskify::limits::longest_duration);
}

TEST(file_path, is_taken_as_it_stands) {
  EXPECT_EQ(file_path{}.read("/scratch/my runs/$HOME;rm"), "/scratch/my runs/$HOME;rm");
  EXPECT_EQ(file_path{}.read("grüße"), "grüße");
}

TEST(file_path, says_why_it_refuses_a_text) {
  EXPECT_EQ(objection(file_path{}, ""), "is empty");
  EXPECT_EQ(objection(file_path{}, "~/logs"), "starts with '~', which is not replaced here");
  EXPECT_EQ(objection(file_path{}, "$HOME/logs"), "starts with '$', which is not replaced here");
  EXPECT_EQ(objection(file_path{}, "\"/logs\""), "is in quotes, which would be part of it");
  EXPECT_EQ(objection(file_path{}, "a\nb"), "holds a control character");
  EXPECT_EQ(objection(file_path{}, std::string_view{"a\0b", 3}), "holds a control character");
}

TEST(choice, reads_back_every_word_it_can_write) {
  for (auto value : {daskify::progress_style::automatic, daskify::progress_style::bar, daskify::progress_style::lines,
                     daskify::progress_style::off})
    EXPECT_EQ(style.read(style.write(value)), value);
}

TEST(choice, refuses_any_other_word) {
  for (auto text : {"", "Auto", "automatic", "lines ", "unknown", "1"})
    EXPECT_EQ(objection(style, text), "is none of the allowed words") << text;
}

TEST(byte_size, reads_and_writes_sizes_with_their_units) {
  byte_size size;
  EXPECT_EQ(size.read("64GiB"), std::uint64_t{64} << 30);
  EXPECT_EQ(size.read("1.5GB"), 1'500'000'000u);
  EXPECT_EQ(size.read("20000000B"), 20'000'000u);
  EXPECT_EQ(size.write(std::uint64_t{64} << 30), "64GiB");
  EXPECT_EQ(size.write(20'000'000), "20MB");
  EXPECT_EQ(size.write(16'777'217), "16777217B");
  for (std::uint64_t bytes : {16'777'216ULL, 16'777'217ULL, 123'456'789'000ULL, 1ULL << 50})
    EXPECT_EQ(size.read(size.write(bytes)), bytes);
}

TEST(byte_size, refuses_what_is_no_size) {
  for (auto* text : {"", "GiB", "-5GiB", "64", "64G", "64 GiB", "1kB", "2000TiB", "15MiB", "0GiB", "1e3GiB", "1GiBs",
                     "9999999999999999999999TiB"})
    EXPECT_THROW(byte_size{}.read(text), bad_value) << text;
}

TEST(host_and_port, reads_and_writes_addresses) {
  host_and_port kind;
  EXPECT_EQ(kind.read("node7:4711"), (endpoint{"node7", 4711}));
  EXPECT_EQ(kind.read("[::1]:65535"), (endpoint{"::1", 65535}));
  EXPECT_EQ(kind.write(kind.read("[fe80::1]:1")), "[fe80::1]:1");
  EXPECT_EQ(kind.write(kind.read("10.0.0.1:80")), "10.0.0.1:80");
}

TEST(host_and_port, refuses_what_is_no_address) {
  for (auto text : {"", "node7", ":4711", "node7:", "node7:0", "node7:65536", "node7:x", "::1:4711", "[]:1", "a b:1"})
    EXPECT_THROW(host_and_port{}.read(text), bad_value) << text;
}

TEST(on_or_off, reads_the_words_of_a_switch) {
  on_or_off kind;
  EXPECT_TRUE(kind.read("on"));
  EXPECT_TRUE(kind.read("yes"));
  EXPECT_FALSE(kind.read("off"));
  EXPECT_FALSE(kind.read("no"));
  EXPECT_EQ(kind.write(true), "on");
  EXPECT_EQ(kind.write(false), "off");
  for (auto text : {"", "ON", "true", "1", "on "})
    EXPECT_THROW(kind.read(text), bad_value) << text;
}

TEST(host_list, reads_names_between_commas_blanks_and_lines) {
  host_list kind;
  using words = std::vector<std::string>;
  EXPECT_EQ(kind.read("n1"), words{"n1"});
  EXPECT_EQ(kind.read("n1,someone@n2, n3\nn4 ::1,"), (words{"n1", "someone@n2", "n3", "n4", "::1"}));
  EXPECT_EQ(kind.read("none"), words{});
  EXPECT_EQ(kind.write({"n1", "n2"}), "n1,n2");
  EXPECT_EQ(kind.write({}), "none");
}

TEST(host_list, refuses_names_that_ssh_or_the_file_system_would_take_for_something_else) {
  host_list kind;
  for (auto text : {"", " ", ",", "-oProxyCommand=x", "n1,-n2", "n/1", "../n1", "n\x1b"})
    EXPECT_NE(objection(kind, text), "") << text;
}
