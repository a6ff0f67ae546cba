#include "daskify/host/status_text.hpp"

#include "daskify/progress/progress_text.hpp"
#include "daskify/text/byte_count.hpp"
#include "daskify/text/json.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <sstream>

namespace daskify::internal {

namespace {

constexpr std::string_view gap = "  ";
constexpr std::size_t narrowest = 8; ///< columns that a shortened text keeps

/// Converts a text to one line for a terminal.
std::string one_line(std::string_view text) {
  auto line = printable(text);
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\t', ' ');
  return line;
}

std::size_t columns_of(std::string_view text) { // assumes one column per character
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & '\xc0') != '\x80'; }));
}

/// At most `columns` columns, the last of which is a '~' if text was cut.
std::string shortened(const std::string& text, std::size_t columns) {
  if (columns_of(text) <= columns)
    return text;
  std::size_t end = 0;
  for (std::size_t kept = 0; kept < columns; ++end) {
    kept += (text[end] & '\xc0') != '\x80';
    if (kept == columns)
      break;
  }
  return text.substr(0, end) + '~';
}

enum class align : std::uint8_t { left, right };

/// Rows of cells under titles, two columns apart. If the table is too wide, its widest left-aligned texts are
/// shortened.
template <std::size_t N>
class table {
public:
  using row = std::array<std::string, N>;

  table(row titles, std::array<align, N> aligned) : aligned_{aligned} { rows_.push_back(std::move(titles)); }

  void add(row cells) {
    for (auto& cell : cells)
      cell = one_line(cell);
    rows_.push_back(std::move(cells));
  }

  std::string text(std::size_t width) const {
    auto widths = fitted(width);
    std::string all;
    for (const auto& cells : rows_) {
      std::string line;
      for (std::size_t i = 0; i < N; ++i) {
        auto cell = shortened(cells[i], widths[i]);
        auto fill = std::string(widths[i] - columns_of(cell), ' ');
        line.append(gap).append(aligned_[i] == align::right ? fill + cell : cell + fill);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      all += line + '\n';
    }
    return all;
  }

private:
  std::array<std::size_t, N> fitted(std::size_t width) const {
    std::array<std::size_t, N> widths{};
    for (const auto& cells : rows_)
      for (std::size_t i = 0; i < N; ++i)
        widths[i] = std::max(widths[i], columns_of(cells[i]));
    auto total = [&] { return std::accumulate(widths.begin(), widths.end(), N * gap.size()); };
    while (total() > width) {
      auto widest = widths.end();
      for (auto at = widths.begin(); at != widths.end(); ++at)
        if (aligned_[static_cast<std::size_t>(at - widths.begin())] == align::left && *at > narrowest &&
            (widest == widths.end() || *at > *widest))
          widest = at;
      if (widest == widths.end())
        break;
      --*widest;
    }
    return widths;
  }

  std::array<align, N> aligned_;
  std::vector<row> rows_;
};

std::string state_of(const worker_entry& w) {
  return w.leaving ? "leaving" : w.busy ? "busy" : "idle";
}

std::string plural(std::size_t count, const std::string& one) {
  return std::to_string(count) + ' ' + one + (count == 1 ? "" : "s");
}

/// The counts that are not 0: "1000 tasks: 120 pending, 870 finished".
std::string short_counts(const progress& p) {
  std::string text;
  auto add = [&](std::uint64_t count, const char* what) {
    if (count != 0)
      text += (text.empty() ? ": " : ", ") + std::to_string(count) + ' ' + what;
  };
  add(p.running, "running");
  add(p.pending, "pending");
  add(p.finished, "finished");
  add(p.error, "error");
  add(p.cancelled, "cancelled");
  add(p.lost, "lost");
  return plural(p.total, "task") + text;
}

std::string name_of(const client_entry& client) {
  return client.name.empty() ? "tasks of a worker" : client.name;
}

std::uint64_t own_number(run_id run) {
  return run.value & ((std::uint64_t{1} << own_id_bits) - 1);
}

/// The heading, with the number of workers in each state: "Workers: 3 (1 busy, 2 idle)".
std::string heading_of_workers(const std::vector<worker_entry>& workers) {
  auto text = "Workers: " + (workers.empty() ? "none" : std::to_string(workers.size()));
  std::string states;
  for (auto state : {"busy", "idle", "leaving"})
    if (auto count = std::ranges::count(workers, std::string{state}, state_of); count != 0)
      states += (states.empty() ? " (" : ", ") + std::to_string(count) + ' ' + state;
  return text + states + (states.empty() ? "" : ")") + '\n';
}

std::string text_of_workers(const std::vector<worker_entry>& workers, std::size_t width) {
  auto text = heading_of_workers(workers);
  if (workers.empty())
    return text;
  using enum align;
  table<8> rows{{"NAME", "HOST", "NODE", "PID", "CPUS", "STATE", "TASKS", "MEMORY"},
                {left, left, left, right, right, left, right, right}};
  for (const auto& w : workers)
    rows.add({w.name, w.host, w.node, std::to_string(w.pid), std::to_string(w.cpus), state_of(w),
              std::to_string(w.running), w.resident_bytes == 0 ? "-" : format_bytes(w.resident_bytes)});
  return text + rows.text(width);
}

/// The totals, and the nodes that hold data or have sent some.
std::string text_of_nodes(const std::vector<node_entry>& nodes, std::size_t width) {
  using enum align;
  table<5> rows{{"NODE", "MEMORY", "LIMIT", "DISK", "SENT"}, {left, right, right, right, right}};
  store_figures sum;
  std::size_t used = 0;
  for (const auto& n : nodes) {
    const auto& f = n.figures;
    sum.limit += f.limit;
    sum.memory += f.memory;
    sum.disk += f.disk;
    if (f.memory == 0 && f.disk == 0 && f.sent == 0)
      continue;
    ++used;
    rows.add({n.name, format_bytes(f.memory), format_bytes(f.limit), format_bytes(f.disk), format_bytes(f.sent)});
  }
  auto text = "Data: " + format_bytes(sum.memory) + " in memory, of at most " + format_bytes(sum.limit) + ", and " +
              format_bytes(sum.disk) + " on disk, on " + plural(nodes.size(), "node") + '\n';
  return used == 0 ? text : text + rows.text(width);
}

std::string text_of_jobs(const job_figures& jobs) {
  if (jobs.wanted == 0 && jobs.sentence.empty())
    return {};
  return "Jobs of " + one_line(jobs.system) + ": " + one_line(jobs.sentence) + '\n';
}

std::string text_of_clients(const std::vector<client_entry>& clients, std::size_t width) {
  std::string text = clients.empty() ? "Programs: none is attached\n" : "Programs:\n";
  for (const auto& client : clients) {
    auto name = "  " + one_line(name_of(client)) + ':';
    auto counts = plural(client.runs, "run") + ", " + short_counts(client.counts) + '\n';
    text += columns_of(name) + columns_of(counts) > width ? shortened(name, width) + "\n    " + counts
                                                          : name + ' ' + counts;
    using enum align;
    table<3> rows{{"  RUN", "FUNCTION", "TASKS"}, {left, left, left}};
    for (const auto& run : client.open)
      rows.add({"  " + std::to_string(own_number(run.run)), run.name, short_counts(run.counts)});
    if (!client.open.empty())
      text += rows.text(width);
  }
  return text;
}

std::string how_workers_come(const cluster_status& all) {
  if (all.mode == "connect")
    return "its workers join by themselves";
  if (all.mode == "local")
    return "with workers on this machine";
  return (all.mode == "hosts" ? "with workers on hosts that ssh reaches (mode "
                              : "with workers in jobs of SLURM (mode ") +
         all.mode + ")";
}

std::string json_of(const progress& p) {
  return json_object{}
      .add_number("total", p.total)
      .add_number("pending", p.pending)
      .add_number("running", p.running)
      .add_number("finished", p.finished)
      .add_number("error", p.error)
      .add_number("cancelled", p.cancelled)
      .add_number("lost", p.lost)
      .text();
}

std::string json_of(const worker_entry& w) {
  return json_object{}
      .add_text("name", w.name)
      .add_text("host", w.host)
      .add_text("node", w.node)
      .add_number("pid", w.pid)
      .add_text("state", state_of(w))
      .add_number("running", w.running)
      .add_number("memory_bytes", w.resident_bytes)
      .add_number("cpus", w.cpus)
      .text();
}

std::string json_of(const node_entry& n) {
  return json_object{}
      .add_text("name", n.name)
      .add_number("memory_bytes", n.figures.memory)
      .add_number("limit_bytes", n.figures.limit)
      .add_number("disk_bytes", n.figures.disk)
      .add_number("sent_bytes", n.figures.sent)
      .text();
}

std::string json_of(const run_entry& r) {
  return json_object{}
      .add_number("run", own_number(r.run))
      .add_text("function", r.name)
      .add("tasks", json_of(r.counts))
      .text();
}

std::string json_of(const client_entry& c);

template <class T>
std::string json_of(const std::vector<T>& all) {
  std::vector<std::string> elements;
  for (const auto& element : all)
    elements.push_back(json_of(element));
  return json_array(elements);
}

std::string json_of(const client_entry& c) {
  return json_object{}
      .add_text("name", name_of(c))
      .add_number("runs", c.runs)
      .add("tasks", json_of(c.counts))
      .add("open_runs", json_of(c.open))
      .text();
}

std::string json_of(const job_figures& jobs) {
  if (jobs.wanted == 0 && jobs.sentence.empty())
    return "null";
  json_object reasons;
  for (const auto& r : jobs.reasons)
    reasons.add_number(r.reason, r.jobs);
  return json_object{}
      .add_number("wanted", jobs.wanted)
      .add_number("submitted", jobs.submitted)
      .add_number("pending", jobs.pending)
      .add("pending_reasons", reasons.text())
      .add_number("starting", jobs.starting)
      .add_number("enrolled", jobs.enrolled)
      .add_number("draining", jobs.draining)
      .add_number("lost", jobs.lost)
      .add_text("sentence", jobs.sentence)
      .text();
}

} // namespace

std::string status_text(const cluster_view& of, std::size_t width) {
  const auto& all = of.all;
  auto text = "Cluster: running for " + duration_text(std::chrono::milliseconds{all.uptime_ms}) + ", " +
              how_workers_come(all) + "\nScheduler: " + to_text(of.scheduler) + ", pid " + std::to_string(all.pid) +
              " on " + one_line(all.host) + '\n';
  if (!all.log_folder.empty())
    text += "Logs: " + one_line(all.log_folder) + '\n';
  text += text_of_jobs(all.jobs);
  text += '\n' + text_of_workers(all.workers, width);
  text += '\n' + text_of_nodes(of.nodes.nodes, width);
  text += '\n' + text_of_clients(all.clients, width);
  return text;
}

std::string status_json(const cluster_view& of) {
  const auto& all = of.all;
  auto scheduler = json_object{}
                       .add_text("address", to_text(of.scheduler))
                       .add_text("host", all.host)
                       .add_number("pid", all.pid)
                       .add_number("uptime_ms", all.uptime_ms)
                       .text();
  return json_object{}
      .add("running", "true")
      .add("scheduler", scheduler)
      .add_text("mode", all.mode)
      .add_text("log_folder", all.log_folder)
      .add("workers", json_of(all.workers))
      .add("nodes", json_of(of.nodes.nodes))
      .add("jobs", json_of(all.jobs))
      .add("clients", json_of(all.clients))
      .text();
}

} // namespace daskify::internal
