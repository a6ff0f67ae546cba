#include "daskify/store/store_actor.hpp"

#include "daskify/defaults.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/skip.hpp>

#include <algorithm>

namespace daskify::internal {

namespace {

constexpr auto tick_interval = std::chrono::seconds{1};
/// The store also reserves memory itself, for small objects that it has pulled.
constexpr owner_id store_itself{};

store_problem to_problem(const caf::error& why) {
  try {
    std::rethrow_exception(to_exception(why, "object directory"));
  } catch (const error& e) {
    return {e.code(), e.what()};
  }
}

store_problem current_problem() {
  try {
    throw;
  } catch (const error& e) {
    return {e.code(), e.what()};
  } catch (const std::exception& e) {
    return {error_code::store_failed, std::string{"the store of this node failed: "} + e.what()};
  }
}

store_problem stopped() {
  return {error_code::store_failed, "the store of this node was stopped"};
}

caf::error caf_error_of(const store_problem& why) {
  return to_caf_error(data_error{why.code, why.text});
}

caf::error not_a_user() {
  return caf_error_of({error_code::store_failed, "the sender has not joined this store"});
}

/// Without a host, the source is the scheduler's node, which may have several addresses: uses the one known to this
/// node.
std::vector<pull_source> to_sources(const object_sources& from, const std::string& scheduler_process) {
  std::vector<pull_source> sources;
  for (const auto& s : from.sources)
    sources.push_back({s.node, {s.host.empty() ? scheduler_process : s.host, s.port}});
  return sources;
}

} // namespace

// -- the part that is not an actor --------------------------------------------------------------------------

node_store::node_store(store_setup setup) : setup_{std::move(setup)} {
  transfer_setup transfers;
  transfers.secret = setup_.secret;
  transfers.host = setup_.host;
  transfers.find = [this](object_id object) { return table_.served(object, tuning::begin_of_pull); };
  transfers_ = std::make_shared<transfer>(std::move(transfers));
  transfers_at_ = transfers_->address();
  disk_ = std::make_shared<serial_executor>();
}

void node_store::stop() {
  table_.stop_waiting();
  std::shared_ptr<transfer> transfers;
  std::shared_ptr<serial_executor> disk;
  std::lock_guard guard{mutex_}; // unlocked before they are destroyed, because their threads may lock it
  transfers.swap(transfers_);
  disk.swap(disk_);
}

std::shared_ptr<transfer> node_store::transfers() const {
  std::lock_guard guard{mutex_};
  return transfers_;
}

std::shared_ptr<serial_executor> node_store::disk() const {
  std::lock_guard guard{mutex_};
  return disk_;
}

// -- messages to events -----------------------------------------------------------------------------------

store_actor::behavior_type store_behavior(store_state::pointer self, std::shared_ptr<node_store> node) {
  return self->state.make_behavior(std::move(node));
}

store_actor spawn_store(caf::actor_system& system, std::shared_ptr<node_store> node) {
  return system.spawn(store_behavior, std::move(node));
}

store_actor::behavior_type store_state::make_behavior(std::shared_ptr<node_store> node) {
  node_ = std::move(node);
  const auto& setup = node_->setup();
  core_ = std::make_unique<store_core>(*this, setup.limit, setup.spill_directory.has_value());

  self_->set_down_handler([this](caf::down_msg& msg) { user_left(caf::actor_cast<caf::actor_addr>(msg.source)); });
  self_->delayed_send(self_, tick_interval, store_tick{});

  return {
      [this](directory_for_stores& directory) { use_directory(directory); },
      [this](join_store& who, object_listener& listener) { return join(who, listener); },
      [this](reserve_room msg) { return reserve(msg); },
      [this](put_object& msg) { return put(msg); },
      [this](put_unkeyed& msg) { put_without_answer(msg); },
      [this](close_block msg) { close(msg); },
      [this](locate_object msg) { return locate(msg); },
      [this](unpin_objects& msg) { unpin(msg); },
      [this](release_object msg) { release(msg); },
      [this](retain_objects& msg) { retain(msg); },
      [this](find_object& msg) { return find_for_sender(msg); },
      [this](drop_key& msg) { return remove_key(msg); },
      [this](list_objects msg) { return pass_on<object_list>(msg); },
      [this](list_nodes msg) { return pass_on<node_list>(msg); },
      [this](spread_object msg) { return pass_on<acknowledged>(msg); },
      [this](flush_puts msg) { return pass_on<acknowledged>(msg); },
      [this](free_objects& msg) { free_all(msg); },
      [this](keep_object msg) {
        if (from_directory())
          core_->keep(msg.object);
      },
      [this](count_store) { return count(); },
      [this](hold_object msg) { return hold(msg); },
      [this](store_event& event) { handle(event); },
      [this](store_tick) {
        self_->delayed_send(self_, tick_interval, store_tick{});
        tick();
      },
  };
}

void store_state::use_directory(directory_for_stores& directory) {
  if (!from_this_process())
    return;
  directory_ = std::move(directory);
  bool near = directory_.node() == self_->node();
  directory_timeout_ = near ? caf::duration{caf::infinite} : caf::duration{tuning::directory_timeout};
}

caf::result<room_granted> store_state::reserve(reserve_room msg) {
  const auto* user = sending_user();
  if (!user)
    return not_a_user();
  auto owner = user->owner;
  question room;
  room.bytes = msg.bytes;
  room.asker = owner;
  room.ask = [=, this](request_id request) { core_->reserve(request, msg.bytes, owner); };
  room.until = clock::now() + node_->setup().room_patience;
  return ask_core<room_granted>(std::move(room));
}

void store_state::put_without_answer(put_unkeyed& msg) {
  const auto* user = sending_user();
  if (!user)
    return;
  try {
    self_->send(directory_, add_unkeyed{take_over(*user, msg.object)});
  } catch (const std::exception&) {
    // Its memory was reserved, so this fails only if the block was released; requests for the object will fail.
  }
}

void store_state::close(close_block msg) {
  if (const auto* user = sending_user(); user && core_->is_writing(msg.block, user->owner))
    core_->close(msg.block);
}

caf::result<object_location> store_state::locate(locate_object msg) {
  const auto* user = sending_user();
  if (!user)
    return not_a_user();
  auto owner = user->owner;
  return want_of_core<object_location>(msg.object, owner);
}

void store_state::unpin(unpin_objects& msg) {
  const auto* user = sending_user();
  if (!user)
    return;
  auto owner = user->owner;
  for (auto object : msg.objects)
    core_->unpin(object, owner);
  ask_parked();
}

void store_state::release(release_object msg) {
  if (const auto* user = sending_user()) {
    msg.owner = user->owner;
    self_->send(directory_, msg);
  }
}

void store_state::retain(retain_objects& msg) {
  if (const auto* user = sending_user()) {
    msg.submitter = user->owner;
    self_->send(directory_, std::move(msg));
  }
}

auto store_state::find_for_sender(find_object& msg) -> promise<object_found> {
  const auto* user = sending_user();
  msg.owner = user ? user->owner : owner_id{};
  return pass_on<object_found>(std::move(msg));
}

auto store_state::remove_key(drop_key& msg) -> promise<acknowledged> {
  const auto* user = sending_user();
  msg.owner = user ? user->owner : owner_id{};
  return pass_on<acknowledged>(std::move(msg));
}

void store_state::free_all(free_objects& msg) {
  if (!from_directory())
    return;
  for (auto object : msg.objects) {
    node_->table().remove(object);
    core_->free(object);
    if (auto wanted = pulls_.find(object); wanted != pulls_.end() && !wanted->second.into)
      pulls_.erase(wanted); // it has not begun
  }
  tell_users(std::move(msg.objects));
  ask_parked();
}

caf::result<store_figures> store_state::count() const {
  if (!directory_)
    return caf::skip();
  if (!from_directory())
    return not_a_user();
  auto now = core_->count();
  auto transfers = node_->transfers();
  return store_figures{now.limit, now.memory, now.in_use, now.disk, transfers ? transfers->bytes_sent() : 0};
}

caf::result<object_held> store_state::hold(hold_object msg) {
  // The directory may send this request before this node knows the directory: it is answered afterwards.
  if (!directory_)
    return caf::skip();
  if (!from_directory())
    return not_a_user();
  return want_of_core<object_held>(msg.object, std::nullopt);
}

auto store_state::join(const join_store& who, object_listener& listener) -> promise<acknowledged> {
  auto speaker = self_->current_sender();
  auto answer = self_->make_response_promise<acknowledged>();
  if (!speaker || !who.owner || who.owner == scheduler_owner || who.secret != node_->setup().secret) {
    answer.deliver(caf_error_of({error_code::store_failed, "the secret is not that of this session"}));
    return answer;
  }
  self_->monitor(speaker->address());
  users_[speaker->address()] = {who.owner, listener};
  answer.deliver(acknowledged{});
  if (node_->setup().on_joined)
    node_->setup().on_joined(who.slot);
  return answer;
}

bool store_state::from_this_process() const {
  const auto& from = self_->current_sender();
  return from && from->node() == self_->node();
}

bool store_state::from_directory() const {
  const auto& from = self_->current_sender();
  return from && directory_ && from->address() == directory_.address();
}

void store_state::user_left(const caf::actor_addr& speaker) {
  auto gone = users_.extract(speaker);
  if (gone.empty())
    return;
  auto owner = gone.mapped().owner;
  core_->user_left(owner);
  std::erase_if(questions_, [&](const auto& entry) { return entry.second.asker == owner; });
  ask_parked();
}

/// Notifies the users to drop values cached from these objects.
void store_state::tell_users(std::vector<object_id> freed) {
  for (const auto& [address, user] : users_)
    self_->send(user.listener, objects_freed{freed});
}

auto store_state::sending_user() const -> const user_record* {
  const auto& from = self_->current_sender();
  auto known = from ? users_.find(from->address()) : users_.end();
  return known == users_.end() ? nullptr : &known->second;
}

template <class Reply, class Message>
auto store_state::pass_on(Message message) -> promise<Reply> {
  bool known = sending_user() != nullptr;
  auto answer = self_->make_response_promise<Reply>();
  if (!known) {
    answer.deliver(not_a_user());
    return answer;
  }
  self_->request(directory_, directory_timeout_, std::move(message))
      .then([answer](Reply& reply) mutable { answer.deliver(std::move(reply)); },
            [answer](caf::error& why) mutable { answer.deliver(std::move(why)); });
  return answer;
}

/// Keeps the promise open until the core answers.
template <class Reply>
auto store_state::ask_core(question what) -> promise<Reply> {
  auto answer = self_->make_response_promise<Reply>();
  request_id request{++last_request_};
  what.answer = answer;
  auto ask = what.ask; // the question may be erased before the call returns
  questions_.emplace(request, std::move(what));
  ask(request);
  return answer;
}

template <class Reply>
auto store_state::want_of_core(object_id object, std::optional<owner_id> user) -> promise<Reply> {
  question what;
  what.object = object;
  what.asker = user.value_or(owner_id{});
  what.ask = [=, this](request_id request) { core_->want(request, object, user); };
  what.until = clock::now() + tuning::patience;
  return ask_core<Reply>(std::move(what));
}

/// Releases that a user sent before may still be on their way through the directory. The answer of the directory to
/// flush_puts arrives after their effects, so the second attempt takes them into account.
void store_state::ask_again(request_id request, const store_problem& refused) {
  questions_.at(request).asked_again = true;
  self_->request(directory_, directory_timeout_, flush_puts{})
      .then(
          [this, request](acknowledged) {
            if (auto asked = questions_.find(request); asked != questions_.end()) {
              auto ask = asked->second.ask; // the question may be erased before the call returns
              ask(request);
            }
          },
          [this, request, refused](caf::error&) {
            if (questions_.contains(request))
              failed(request, refused);
          });
}

/// Tasks that have ended keep their objects pinned for a moment: later requests must not be refused because of that.
/// False if waiting does not help, or the request has waited long enough.
bool store_state::park(request_id request, const store_problem& refused) {
  auto& q = questions_.at(request);
  auto now = clock::now();
  if (!q.users_have_until)
    q.users_have_until = now + tuning::patience_with_users;
  if (!refused.may_pass || now >= *q.users_have_until)
    return false;
  parked_.push_back(request);
  return true;
}

void store_state::ask_parked() {
  for (auto request : std::exchange(parked_, {}))
    if (auto asked = questions_.find(request); asked != questions_.end()) {
      auto ask = asked->second.ask; // the question may be erased before the call returns
      ask(request);
    }
}

/// Registers a user's object; returns the message for the directory. Throws data_error.
add_object store_state::take_over(const user_record& from, put_object& msg) {
  auto& table = node_->table();
  auto object = msg.facts.object;
  if (!core_->is_writing(msg.block, from.owner))
    throw data_error{error_code::store_failed, "an object was put into a block that was not granted for it"};
  if (!table.has_block(msg.block)) {
    auto memory = open_segment({msg.pid, msg.fd, msg.inode, msg.block_size});
    if (memory.size() > core_->bytes_of(msg.block))
      throw data_error{error_code::store_failed, "an object was put into more room than was granted for it"};
    table.add_block(msg.block, std::move(memory));
  }
  auto size = table.memory_of(msg.block).value().size();
  if (msg.offset > size || msg.facts.size > size - msg.offset || msg.sums.size() != chunks_of(msg.facts.size) ||
      !core_->put(msg.block, object))
    throw data_error{error_code::store_failed, "an object was put into the store that does not fit its block"};
  table.add(object, {msg.block, msg.offset, msg.facts.size, msg.facts.type, std::move(msg.sums)});
  if (msg.last)
    core_->close(msg.block);
  return {std::move(msg.facts), std::move(msg.key), msg.when_taken, from.owner};
}

auto store_state::put(put_object& msg) -> promise<acknowledged> {
  const auto* user = sending_user();
  auto answer = self_->make_response_promise<acknowledged>();
  if (!user) {
    answer.deliver(not_a_user());
    return answer;
  }
  auto object = msg.facts.object;
  try {
    self_->request(directory_, directory_timeout_, take_over(*user, msg))
        .then([answer](acknowledged) mutable { answer.deliver(acknowledged{}); },
              [this, answer, object](caf::error& why) mutable {
                node_->table().remove(object);
                core_->free(object);
                answer.deliver(std::move(why));
              });
  } catch (...) {
    answer.deliver(caf_error_of(current_problem()));
  }
  return answer;
}

void store_state::tick() {
  auto now = clock::now();
  ask_parked();
  std::vector<request_id> late;
  for (const auto& [request, q] : questions_)
    if (now >= q.until)
      late.push_back(request);
  for (auto request : late) {
    auto node = questions_.extract(request);
    if (node.empty())
      continue; // answered meanwhile, because another request has been removed
    auto& q = node.mapped();
    // Requests for objects that are on their way can be repeated. Requests for room have a longer deadline, because
    // room that is granted after the sender has given up would stay reserved.
    if (auto* room = std::get_if<promise<room_granted>>(&q.answer)) {
      core_->stop_reserving(request);
      room->deliver(
          caf_error_of({error_code::no_room, core_->no_room_for(q.bytes) + "; room was made for " +
                                                 to_text(node_->setup().room_patience) + " and it was not enough"}));
      continue;
    }
    core_->stop_waiting(request, q.object);
    if (auto* location = std::get_if<promise<object_location>>(&q.answer))
      location->deliver(object_location{});
    else
      std::get<promise<object_held>>(q.answer).deliver(object_held{});
  }
}

// -- effects ------------------------------------------------------------------------------------------------

void store_state::tell_later(store_event event) {
  self_->send(self_, std::move(event));
}

/// The function with which a thread of the store sends events to this actor.
std::function<void(store_event)> store_state::teller() const {
  return [actor = caf::actor_cast<store_actor>(self_)](store_event event) { caf::anon_send(actor, std::move(event)); };
}

void store_state::granted(request_id request, block_id block) {
  if (request == small_block_wanted_) {
    tell_later({.what = store_event::kind::room_is_there, .block = block});
    return;
  }
  auto asked = questions_.extract(request);
  std::get<promise<room_granted>>(asked.mapped().answer).deliver(room_granted{block});
}

void store_state::ready(request_id request, object_id object) {
  auto asked = questions_.extract(request);
  auto& answer = asked.mapped().answer;
  if (auto* held = std::get_if<promise<object_held>>(&answer)) {
    held->deliver(object_held{true});
    return;
  }
  auto place = node_->table().find(object).value();
  auto where = node_->table().memory_of(place.block).value().locator();
  std::get<promise<object_location>>(answer).deliver(object_location{
      object, true, place.block, where.pid, where.fd, where.inode, where.size, place.offset, place.size, place.type});
}

void store_state::failed(request_id request, const store_problem& why) {
  if (request == small_block_wanted_) {
    tell_later({.what = store_event::kind::room_is_there, .problem = why});
    return;
  }
  if (why.code == error_code::no_room && !questions_.at(request).asked_again) {
    ask_again(request, why);
    return;
  }
  if (why.code == error_code::no_room && park(request, why))
    return;
  auto asked = questions_.extract(request);
  std::visit([&](auto& answer) { answer.deliver(caf_error_of(why)); }, asked.mapped().answer);
}

void store_state::find(object_id object) {
  self_->request(directory_, directory_timeout_, find_sources{object, {}})
      .then(
          [this, object](object_sources& found) {
            auto size = found.facts.size;
            auto& wanted = pulls_[object];
            wanted.sources = to_sources(found, node_->setup().scheduler_process);
            wanted.facts = std::move(found.facts);
            core_->found(object, size);
            if (core_->has(object))
              pulls_.erase(object); // the object was put here meanwhile
          },
          [this, object](caf::error& why) { core_->not_found(object, to_problem(why)); });
}

void store_state::pull(object_id object, block_id block) {
  auto& wanted = pulls_.at(object);
  wanted.block = block;
  try {
    begin_pull(object, wanted);
  } catch (...) {
    tell_later({.what = store_event::kind::pull_ended, .object = object, .problem = current_problem()});
  }
}

void store_state::begin_pull(object_id object, open_pull& wanted) {
  const auto& facts = wanted.facts;
  if (wanted.block) {
    wanted.file = std::make_shared<const file_descriptor>(create_file("object", facts.size));
    wanted.into = std::make_shared<chunked_object>(object, wanted.file, facts.size, facts.checksum);
  } else {
    wanted.into = std::make_shared<chunked_object>(object, facts.size, facts.checksum);
  }
  auto transfers = node_->transfers();
  if (!transfers)
    throw data_error{error_code::store_failed, stopped().text};
  node_->table().add_arriving(wanted.into);
  auto tell = teller();
  transfers->pull(
      wanted.into, std::move(wanted.sources),
      [tell, object](std::optional<std::string> problem) {
        store_event event{.what = store_event::kind::pull_ended, .object = object};
        if (problem)
          event.problem = {error_code::object_lost, std::move(*problem)};
        tell(std::move(event));
      },
      [tell, object](lost_sources lost) {
        tell({.what = store_event::kind::sources_wanted, .object = object, .lost = std::move(lost)});
      });
}

void store_state::cancel_pull(object_id object) {
  if (auto transfers = node_->transfers())
    transfers->cancel(object);
}

void store_state::spill(block_id block, std::uint64_t reserve, bool may_use_it) {
  on_disk({.what = store_event::kind::spilled, .block = block},
          [folder = *node_->setup().spill_directory, memory = node_->table().memory_of(block).value(), reserve,
           may_use_it](auto& event) {
            auto spilled = spill_to_disk(folder, memory, reserve, may_use_it);
            event.file = std::make_shared<const file_descriptor>(std::move(spilled.file));
            event.missing = spilled.missing;
          });
}

void store_state::load(block_id block) {
  auto& table = node_->table();
  on_disk({.what = store_event::kind::loaded, .block = block},
          [file = table.disk_of(block), objects = table.objects_in(block)](auto& event) {
            event.memory = load_from_disk(*file, objects);
          });
}

/// Runs work that fills in the event on the store's disk thread, then sends the event.
void store_state::on_disk(store_event event, std::function<void(store_event&)> work) {
  auto disk = node_->disk();
  if (!disk) {
    event.problem = stopped();
    tell_later(std::move(event));
    return;
  }
  disk->post([tell = teller(), event = std::move(event), work = std::move(work)]() mutable {
    try {
      work(event);
    } catch (...) {
      event.problem = current_problem();
    }
    tell(std::move(event));
  });
}

void store_state::leave_memory(block_id block) {
  // Freed synchronously, although a gigabyte takes a quarter of a second: the core relies on the room.
  static_cast<void>(node_->table().take_memory(block));
}

void store_state::forget(block_id block) {
  static_cast<void>(node_->table().take_block(block));
}

void store_state::dropped(object_id object) {
  node_->table().remove(object);
  pulls_.erase(object);
  self_->send(directory_, object_dropped{object, drop_reason_});
  // The directory will not notify this node when the object is freed, because the node no longer has it.
  tell_users({object});
}

// -- events of the store's threads ---------------------------------------------------------------------------

void store_state::handle(store_event& event) {
  switch (event.what) {
  case store_event::kind::pull_ended:
    pull_ended(event.object, event.problem);
    break;
  case store_event::kind::sources_wanted:
    sources_lost(event.object, event.lost);
    break;
  case store_event::kind::sources_may_answer:
    find_more_sources(event.object);
    break;
  case store_event::kind::room_is_there:
    small_block_wanted_ = {};
    if (event.problem.code == error_code::none) {
      try {
        small_block_ = std::make_unique<block_writer>(tuning::shared_block);
        small_block_id_ = event.block;
        node_->table().add_block(event.block, small_block_->readers());
      } catch (...) {
        event.problem = current_problem();
        core_->close(event.block);
      }
    }
    if (event.problem.code != error_code::none)
      for (auto object : std::exchange(arrived_small_, {}))
        pull_ended(object, event.problem);
    place_small_objects();
    break;
  case store_event::kind::spilled:
    if (event.file) {
      node_->table().set_disk(event.block, event.file);
      core_->spilled(event.block, event.missing);
    } else {
      core_->spill_failed(event.block, event.problem.text);
    }
    break;
  case store_event::kind::loaded:
    if (event.memory) {
      node_->table().set_memory(event.block, std::move(*event.memory));
      core_->loaded(event.block);
    } else {
      drop_reason_ = event.problem.text;
      core_->load_failed(event.block, event.problem);
      drop_reason_.clear();
    }
    break;
  }
}

void store_state::sources_lost(object_id object, const lost_sources& lost) {
  auto found = pulls_.find(object);
  if (found == pulls_.end())
    return;
  auto& pull = found->second;
  pull.wrong.insert(pull.wrong.end(), lost.wrong.begin(), lost.wrong.end());
  pull.silent.insert(pull.silent.end(), lost.silent.begin(), lost.silent.end());
  pull.last_failure = lost.why;
  if (lost.progress || !pull.stuck_since)
    pull.stuck_since = clock::now();
  find_more_sources(object);
}

void store_state::find_more_sources(object_id object) {
  auto pull = pulls_.find(object);
  if (pull == pulls_.end())
    return;
  auto failed = pull->second.wrong;
  failed.insert(failed.end(), pull->second.silent.begin(), pull->second.silent.end());
  self_->request(directory_, directory_timeout_, find_sources{object, std::move(failed)})
      .then([this, object](
                object_sources& found) { add_or_pause(object, to_sources(found, node_->setup().scheduler_process)); },
            [this, object](caf::error& why) {
              if (auto wanted = pulls_.find(object); wanted != pulls_.end())
                wanted->second.problem = to_problem(why);
              if (auto transfers = node_->transfers())
                transfers->add_sources(object, {});
            });
}

/// If `sources` is empty, the object is not lost: some of the failed sources have it and are alive. A node that hangs
/// for a while, or has too many connections, may send it later. The directory reports when the object is lost.
void store_state::add_or_pause(object_id object, std::vector<pull_source> sources) {
  auto found = pulls_.find(object);
  if (found == pulls_.end())
    return;
  auto& pull = found->second;
  auto patience = node_->setup().source_patience;
  if (sources.empty() && !pull.silent.empty()) {
    if (clock::now() - pull.stuck_since.value_or(clock::now()) < patience) {
      pull.silent.clear();
      self_->delayed_send(self_, tuning::source_pause,
                          store_event{.what = store_event::kind::sources_may_answer, .object = object});
      return;
    }
    pull.problem = {error_code::store_failed, "object " + std::to_string(object.value) + " is not lost, but for " +
                                                  to_text(patience) +
                                                  " nothing of it could be fetched: " + pull.last_failure +
                                                  "; see what that node is doing, and ask for the data again"};
  }
  if (auto transfers = node_->transfers())
    transfers->add_sources(object, std::move(sources));
}

void store_state::pull_ended(object_id object, const store_problem& problem) {
  auto found = pulls_.find(object);
  if (found == pulls_.end())
    return;
  auto& ended = found->second;
  auto why = problem;
  if (why.code == error_code::none && !ended.block) {
    arrived_small_.push_back(object);
    place_small_objects();
    return;
  }
  auto& table = node_->table();
  if (why.code == error_code::none) {
    try {
      table.add_block(ended.block, seal_file(*ended.file, "object"));
      table.add(object, {ended.block, 0, ended.facts.size, ended.facts.type, *ended.into->sums()});
    } catch (...) {
      why = current_problem();
    }
  }
  table.remove_arriving(object);
  if (why.code != error_code::none) {
    if (ended.into)
      ended.into->fail();
    core_->pull_failed(object, ended.problem.code == error_code::none ? why : ended.problem);
    return;
  }
  auto block = ended.block;
  pulls_.erase(found);
  self_->send(directory_, object_arrived{object});
  core_->arrived(object, block);
}

/// Copies small objects that have arrived into the common block, as long as it has room.
void store_state::place_small_objects() {
  while (!arrived_small_.empty() && !small_block_wanted_) {
    auto object = arrived_small_.back();
    auto found = pulls_.find(object);
    if (found == pulls_.end()) {
      arrived_small_.pop_back();
      continue;
    }
    auto& facts = found->second.facts;
    if (!small_block_ || small_block_->room() < facts.size) {
      if (small_block_)
        core_->close(small_block_id_);
      small_block_.reset();
      small_block_wanted_ = {++last_request_};
      core_->reserve(small_block_wanted_, tuning::shared_block, store_itself);
      return;
    }
    arrived_small_.pop_back();
    auto bytes = found->second.into->take_bytes();
    auto offset = small_block_->append(bytes);
    auto& table = node_->table();
    table.add(object, {small_block_id_, offset, facts.size, facts.type, checksums_of_chunks(bytes)});
    table.remove_arriving(object);
    pulls_.erase(found);
    self_->send(directory_, object_arrived{object});
    core_->arrived(object, small_block_id_);
  }
}

} // namespace daskify::internal
