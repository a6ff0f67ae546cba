#pragma once

/// A cluster within this process, for tests of calls and programs: each run is described, read back and run at once.

#include "daskify/code/type_label.hpp"
#include "daskify/program/entry_point.hpp"
#include "daskify/program/task_program.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/session/cluster_session.hpp"

#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace daskify::test {

class one_process_session : public internal::cluster_session, public internal::object_space {
public:
  internal::run_spec last_run; ///< as it was submitted
  std::size_t lookups = 0;     ///< of objects, by programs

  /// Scatters a value.
  template <class T>
  scattered<T> scatter(const T& value) {
    return internal::with_store_bytes(value, [&](std::span<const std::byte> bytes) {
      return scattered<T>{put_value(internal::label_of<T>(), bytes)};
    });
  }

  /// Runs all tasks of a run, whatever the form of its description. Throws what making its program throws.
  internal::result_block execute(const internal::run_spec& spec) {
    auto bytes = spec.stored_description ? find(spec.stored_description, 0) : spec.description;
    std::vector<internal::result_block> inputs;
    for (const auto& range : spec.inputs)
      inputs.push_back(blocks_.at(range.run));
    decoder description{bytes.view()};
    internal::program_inputs given{*this, inputs};
    auto program = internal::make_program(spec.program, description, given);
    internal::result_sink sink{*this, 0};
    internal::task_context context;
    context.seed = spec.seed;
    program->execute(0, spec.tasks, sink, context);
    auto block = sink.take(program->layout(), program->value_size());
    block.run = spec.run;
    return block;
  }

  // -- cluster_session ------------------------------------------------------------------------------------------

  internal::run_id submit(internal::run_spec spec) override {
    spec.run = {++last_id_};
    spec.seed = 17;
    last_run = spec;
    if (spec.tasks != 0)
      blocks_[spec.run] = execute(spec);
    return spec.run;
  }
  internal::awaited_tasks await(const std::vector<internal::run_range>& tasks, std::uint64_t, bool,
                                internal::deadline) override {
    internal::awaited_tasks answer;
    answer.satisfied = true;
    for (const auto& range : tasks)
      answer.blocks.push_back(internal::slice(blocks_.at(range.run), range.first, range.count));
    return answer;
  }
  progress count(const std::vector<internal::run_range>&) override { return {}; }
  void cancel(const std::vector<internal::run_range>&) override {}
  void release(internal::run_id) noexcept override {}
  std::shared_ptr<internal::object_handle> put_value(const internal::type_label& type, part bytes) override {
    auto id = put(type, bytes);
    return std::make_shared<handle>(this, id, bytes.size());
  }
  shared_bytes map(internal::object_id object) override { return objects_.at(object).bytes; }

  // -- object_space ---------------------------------------------------------------------------------------------

  internal::object_bytes find(internal::object_id object, std::uint64_t type) override {
    ++lookups;
    auto found = objects_.find(object);
    if (found == objects_.end())
      throw data_error{error_code::unknown_object, "There is no object " + std::to_string(object.value) + " here."};
    if (type != 0 && type != found->second.type)
      throw data_error{error_code::wrong_type, "The object has another type."};
    return found->second.bytes;
  }
  internal::object_id put(const internal::type_label& type, std::span<const std::byte> bytes) override {
    byte_buffer copy;
    copy.append(bytes.data(), bytes.size());
    internal::object_id id{++last_id_};
    objects_[id] = {type.hash, shared_bytes{std::move(copy)}};
    return id;
  }

private:
  struct stored_object {
    std::uint64_t type = 0;
    shared_bytes bytes;
  };

  class handle : public internal::object_handle {
  public:
    handle(const internal::cluster_session* owner, internal::object_id id, std::uint64_t size)
        : owner_{owner},
          id_{id},
          size_{size} {}
    internal::object_id id() const override { return id_; }
    const std::string& key() const override { return key_; }
    std::uint64_t size() const override { return size_; }
    bool belongs_to(const internal::cluster_session* session) const override { return session == owner_; }

  private:
    const internal::cluster_session* owner_;
    internal::object_id id_;
    std::uint64_t size_;
    std::string key_;
  };

  std::uint64_t last_id_ = 0;
  std::map<internal::run_id, internal::result_block> blocks_;
  std::map<internal::object_id, stored_object> objects_;
};

} // namespace daskify::test
