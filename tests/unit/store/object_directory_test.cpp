#include "daskify/store/object_directory.hpp"

#include "daskify/error.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/protocol/object_facts.hpp"

#include "support/driven_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {
namespace {

using test::driven_directory;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

using told_list = std::vector<std::string>;

std::string freed(std::uint64_t object, node_id node) {
  return "free " + std::to_string(object) + " on " + std::to_string(node.value);
}
std::string kept(std::uint64_t object, node_id node) {
  return "keep " + std::to_string(object) + " on " + std::to_string(node.value);
}

/// Records what the directory tells the nodes.
struct recorder : directory_effects {
  void free_on(node_id node, object_id object) override { told.push_back(freed(object.value, node)); }
  void keep_on(node_id node, object_id object) override { told.push_back(kept(object.value, node)); }
  void offer_sources(node_id, object_id, const std::vector<node_id>&) override {}

  told_list told;
};

/// The way to a core for one event, after which its books are checked.
template <class Core>
class checked {
public:
  explicit checked(Core& core) : core_{core} {}
  checked(const checked&) = delete;
  checked& operator=(const checked&) = delete;
  ~checked() { EXPECT_NO_THROW(core_.check_invariants()); }
  Core* operator->() { return &core_; }

private:
  Core& core_;
};

object_facts facts(std::uint64_t id) {
  return {object_id{id}, 1000 + id, 77 * id, 5, "double"};
}

/// Everything the directory says about its objects.
std::string written_down(const object_directory& core) {
  std::string all;
  for (const auto* e : core.list()) {
    all += std::to_string(e->facts.object.value) + " " + e->key;
    for (auto [owner, count] : e->references)
      all += " o" + std::to_string(owner.value) + "x" + std::to_string(count);
    for (auto node : e->holders)
      all += " n" + std::to_string(node.value);
    all += "\n";
  }
  return all;
}

struct directory : testing::Test {
  recorder seen;
  driven_directory core{seen};

  static constexpr node_id ann{1};
  static constexpr node_id bob{2};
  static constexpr node_id cid{3};
  static constexpr node_id nobody{99};
  static constexpr owner_id client{1};
  static constexpr owner_id task{2};
  static constexpr object_id first{1};
  static constexpr object_id second{2};

  directory() {
    core.node_joined(ann, "ann");
    core.node_joined(bob, "bob");
    core.node_joined(cid, "cid");
  }

  void TearDown() override {
    EXPECT_THAT(seen.told, IsEmpty());
    core.check_invariants();
  }

  checked<driven_directory> event() { return checked{core}; }
  told_list told() { return std::exchange(seen.told, {}); }

  void put(std::uint64_t id, std::string key = "", node_id node = ann, owner_id owner = client) {
    event()->put(facts(id), std::move(key), existing_key::refuse, node, owner);
  }
  void copy(object_id object, node_id node) {
    event()->sources(object, node, {});
    event()->arrived(object, node);
  }

  /// The sentence of the data_error with that code that `f` throws, after which nothing has changed.
  template <class F>
  std::string refusal(error_code code, F f) {
    auto before = written_down(core);
    std::string sentence = "nothing was thrown";
    try {
      f();
    } catch (const data_error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      sentence = e.what();
    }
    EXPECT_EQ(written_down(core), before);
    EXPECT_THAT(seen.told, IsEmpty());
    core.check_invariants();
    return sentence;
  }
};

// -- keys -------------------------------------------------------------------------------------------------

TEST_F(directory, knows_the_same_key_in_the_spaces_of_several_owners) {
  event()->put(facts(1), "observed", existing_key::refuse, ann, client, client);
  event()->put(facts(2), "observed", existing_key::refuse, ann, task, task);
  EXPECT_EQ(core.find_by_key("observed", client).facts.object, first);
  EXPECT_EQ(core.find_by_key("observed", task).facts.object, second);
  refusal(error_code::unknown_key, [&] { core.find_by_key("observed"); });
  refusal(error_code::key_taken, [&] { core.put(facts(3), "observed", existing_key::refuse, ann, client, client); });
  event()->drop_key("observed", client);
  EXPECT_EQ(core.find_by_key("observed", task).facts.object, second);
}

TEST_F(directory, forgets_the_keys_of_an_owner_that_left) {
  event()->put(facts(1), "observed", existing_key::refuse, ann, client, client);
  event()->put(facts(2), "observed", existing_key::refuse, ann, task, task);
  event()->release(first, client);
  event()->owner_left(client);
  EXPECT_EQ(told(), told_list{freed(1, ann)});
  refusal(error_code::unknown_key, [&] { core.find_by_key("observed", client); });
  EXPECT_EQ(core.find_by_key("observed", task).facts.object, second);
}

TEST_F(directory, finds_an_object_by_id_and_by_key) {
  put(7, "observed");
  const auto& found = core.find(object_id{7});
  EXPECT_EQ(found.facts, facts(7));
  EXPECT_EQ(found.key, "observed");
  EXPECT_THAT(found.holders, ElementsAre(ann));
  EXPECT_THAT(found.references, ElementsAre(Pair(client, 1U)));
  EXPECT_EQ(&core.find_by_key("observed"), &found);
  EXPECT_THAT(core.list(), ElementsAre(&found));
}

constexpr owner_id runs{77};

TEST_F(directory, keeps_what_a_run_uses_until_it_is_over) {
  put(7);
  event()->retain_for_run(object_id{7}, runs);
  event()->release(object_id{7}, client);
  EXPECT_THAT(told(), testing::IsEmpty());
  event()->release_from_run(object_id{7}, runs);
  EXPECT_THAT(told(), ElementsAre(freed(7, ann)));
}

TEST_F(directory, does_not_mind_that_a_run_is_over_before_it_is_heard_of) {
  put(7);
  event()->release_from_run(object_id{7}, runs);
  event()->retain_for_run(object_id{7}, runs);
  EXPECT_THAT(core.find(object_id{7}).references, ElementsAre(Pair(client, 1U)));
  event()->release(object_id{7}, client);
  EXPECT_THAT(told(), ElementsAre(freed(7, ann)));
  event()->retain_for_run(object_id{7}, runs);
  event()->release_from_run(object_id{7}, runs);
  EXPECT_TRUE(core.list().empty());
}

TEST_F(directory, keeps_nothing_for_the_runs_of_a_process_that_has_ended) {
  put(7);
  event()->retain_for_run(object_id{7}, runs);
  event()->release(object_id{7}, client);
  event()->owner_left(runs);
  EXPECT_THAT(told(), ElementsAre(freed(7, ann)));
  // Said before the end, and heard of after it.
  put(8);
  event()->retain_for_run(object_id{8}, runs);
  EXPECT_THAT(core.find(object_id{8}).references, ElementsAre(Pair(client, 1U)));
}

TEST_F(directory, does_not_take_what_one_owner_owes_for_what_another_does) {
  constexpr owner_id others{78};
  put(7);
  event()->release_from_run(object_id{7}, runs);
  event()->retain_for_run(object_id{7}, others);
  event()->owner_left(runs);
  event()->release(object_id{7}, client);
  EXPECT_THAT(core.find(object_id{7}).references, ElementsAre(Pair(others, 1U)));
  event()->release_from_run(object_id{7}, others);
  EXPECT_THAT(told(), ElementsAre(freed(7, ann)));
}

TEST_F(directory, lists_everything_in_the_order_in_which_it_came) {
  for (std::uint64_t id : {5, 1, 9, 3})
    put(id);
  std::vector<std::uint64_t> ids;
  for (const auto* e : core.list())
    ids.push_back(e->facts.object.value);
  EXPECT_THAT(ids, ElementsAre(5, 1, 9, 3));
}

TEST_F(directory, keeps_an_object_that_has_only_a_key) {
  put(1, "observed");
  event()->release(first, client);
  EXPECT_EQ(core.find_by_key("observed").reference_count(), 0U);
  event()->drop_key("observed");
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
  EXPECT_THAT(core.list(), IsEmpty());
}

TEST_F(directory, keeps_an_object_that_lost_its_key_while_it_is_referenced) {
  put(1, "observed");
  event()->drop_key("observed");
  EXPECT_EQ(core.find(first).key, "");
  refusal(error_code::unknown_key, [&] { core.find_by_key("observed"); });
  event()->release(first, client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
}

TEST_F(directory, revives_a_keyed_object_that_is_retained_again) {
  put(1, "observed");
  event()->release(first, client);
  event()->retain(first, task);
  event()->drop_key("observed");
  EXPECT_THAT(told(), IsEmpty());
  event()->release(first, task);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
}

TEST_F(directory, drops_a_key_that_is_given_as_the_objects_own_text) {
  put(1, "observed");
  event()->drop_key(core.find(first).key);
  EXPECT_EQ(core.find(first).key, "");
  put(2, "observed");
  event()->release(second, client);
  event()->drop_key(core.find_by_key("observed").key);
  EXPECT_THAT(told(), ElementsAre(freed(2, ann)));
}

TEST_F(directory, takes_the_key_from_an_object_that_has_it_still) {
  event()->put(facts(1), "observed", existing_key::refuse, ann, client, client);
  event()->put(facts(2), "observed", existing_key::replace, ann, client, client);
  event()->drop_key_of(object_id{1}, client);
  event()->drop_key_of(object_id{2}, task);
  event()->drop_key_of(object_id{99}, client);
  EXPECT_EQ(core.find_by_key("observed", client).facts.object, object_id{2});
  event()->drop_key_of(object_id{2}, client);
  refusal(error_code::unknown_key, [&] { core.find_by_key("observed", client); });
  event()->drop_key_of(object_id{2}, client);
}

TEST_F(directory, refuses_a_taken_key) {
  put(1, "observed");
  auto sentence = refusal(error_code::key_taken, [&] { put(2, "observed"); });
  EXPECT_THAT(sentence, HasSubstr("'observed'"));
}

TEST_F(directory, replaces_a_taken_key_and_frees_the_old_object_when_nobody_holds_it) {
  put(1, "observed");
  event()->release(first, client);
  event()->put(facts(2), "observed", existing_key::replace, bob, client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
  EXPECT_EQ(core.find_by_key("observed").facts.object, second);
  EXPECT_EQ(core.list().size(), 1U);
}

TEST_F(directory, leaves_a_replaced_object_to_those_who_hold_it) {
  put(1, "observed");
  event()->put(facts(2), "observed", existing_key::replace, bob, client);
  EXPECT_EQ(core.find(first).key, "");
  EXPECT_EQ(core.find_by_key("observed").facts.object, second);
  event()->release(first, client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
  EXPECT_EQ(core.find_by_key("observed").facts.object, second);
}

TEST_F(directory, replaces_a_key_that_nobody_has) {
  event()->put(facts(1), "observed", existing_key::replace, ann, client);
  EXPECT_EQ(core.find_by_key("observed").facts.object, first);
}

TEST_F(directory, refuses_an_id_that_is_in_use_or_none) {
  put(1, "a");
  EXPECT_THAT(refusal(error_code::store_failed, [&] { put(1, "b"); }), HasSubstr("is in the store already"));
  refusal(error_code::store_failed, [&] { core.put(facts(1), "a", existing_key::replace, ann, client); });
  EXPECT_THAT(refusal(error_code::store_failed, [&] { put(0); }), HasSubstr("no valid id"));
  EXPECT_EQ(core.find_by_key("a").facts.object, first);
}

TEST_F(directory, names_the_key_that_was_probably_meant) {
  put(1, "observed");
  put(2, "weights");
  auto sentence = refusal(error_code::unknown_key, [&] { core.find_by_key("obsreved"); });
  EXPECT_THAT(sentence, HasSubstr("'obsreved': did you mean 'observed'?"));
  refusal(error_code::unknown_key, [&] { event()->drop_key("obsreved"); });
}

TEST_F(directory, lists_the_keys_there_are_when_none_comes_close) {
  EXPECT_THAT(refusal(error_code::unknown_key, [&] { core.find_by_key("temperature"); }),
              HasSubstr("no key is in use"));
  for (std::uint64_t id = 1; id <= 11; ++id)
    put(id, "key " + std::to_string(id));
  EXPECT_THAT(refusal(error_code::unknown_key, [&] { core.find_by_key("temperature"); }),
              AllOf(HasSubstr("'key 1', 'key 10', 'key 11', "), HasSubstr(" and 3 more")));
}

TEST_F(directory, has_no_object_under_the_empty_key) {
  put(1);
  put(2);
  refusal(error_code::unknown_key, [&] { core.find_by_key(""); });
  refusal(error_code::unknown_key, [&] { event()->drop_key(""); });
}

TEST_F(directory, refuses_to_find_retain_or_pull_what_is_not_there) {
  put(1);
  refusal(error_code::unknown_object, [&] { core.find(second); });
  refusal(error_code::unknown_object, [&] { event()->sources(second, bob, {}); });
  EXPECT_THAT(refusal(error_code::unknown_object, [&] { event()->retain(second, client); }), HasSubstr("object 2 "));
}

// -- references ---------------------------------------------------------------------------------------------

TEST_F(directory, frees_an_object_with_the_last_reference_of_its_last_owner) {
  put(1);
  event()->retain(first, client);
  event()->retain(first, task);
  EXPECT_EQ(core.find(first).reference_count(), 3U);
  event()->release(first, client);
  event()->release(first, client);
  EXPECT_THAT(core.find(first).references, ElementsAre(Pair(task, 1U)));
  EXPECT_THAT(told(), IsEmpty());
  event()->release(first, task);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
  refusal(error_code::unknown_object, [&] { core.find(first); });
}

TEST_F(directory, ignores_a_release_of_what_is_gone_or_of_another_owner) {
  put(1);
  event()->release(first, task);
  event()->release(second, client);
  EXPECT_EQ(core.find(first).reference_count(), 1U);
  event()->release(first, client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
  event()->release(first, client);
}

TEST_F(directory, lets_go_of_all_that_an_owner_held_when_it_leaves) {
  put(1);
  event()->retain(first, client);
  put(2);
  event()->retain(second, task);
  put(3, "observed");
  put(4, "", ann, task);
  event()->owner_left(client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
  EXPECT_THAT(core.find(second).references, ElementsAre(Pair(task, 1U)));
  EXPECT_EQ(core.find_by_key("observed").reference_count(), 0U);
  event()->owner_left(client);
  event()->owner_left(owner_id{50});
  event()->owner_left(task);
  EXPECT_THAT(told(), ElementsAre(freed(2, ann), freed(4, ann)));
}

TEST_F(directory, hands_over_one_reference_without_freeing_the_object_between) {
  put(1);
  event()->hand_over(first, client, task);
  EXPECT_THAT(core.find(first).references, ElementsAre(Pair(task, 1U)));
  event()->owner_left(client);
  EXPECT_THAT(told(), IsEmpty());
  event()->owner_left(task);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann)));
}

TEST_F(directory, hands_over_one_of_several_references_and_to_the_same_owner_none) {
  put(1);
  event()->retain(first, client);
  event()->hand_over(first, client, task);
  EXPECT_THAT(core.find(first).references, UnorderedElementsAre(Pair(client, 1U), Pair(task, 1U)));
  event()->hand_over(first, client, client);
  EXPECT_THAT(core.find(first).references, UnorderedElementsAre(Pair(client, 1U), Pair(task, 1U)));
}

TEST_F(directory, hands_over_nothing_that_the_owner_does_not_hold) {
  put(1);
  event()->hand_over(first, task, client);
  event()->hand_over(second, client, task);
  EXPECT_THAT(core.find(first).references, ElementsAre(Pair(client, 1U)));
}

// -- nodes --------------------------------------------------------------------------------------------------

TEST_F(directory, knows_its_nodes_by_name) {
  EXPECT_THAT(core.nodes(), ElementsAre(ann, bob, cid));
  EXPECT_EQ(core.name_of(bob), "bob");
  event()->node_left(bob, "left");
  EXPECT_THAT(core.nodes(), ElementsAre(ann, cid));
  EXPECT_EQ(core.name_of(bob), "?");
  event()->node_left(bob, "left twice");
}

TEST_F(directory, has_the_next_holder_keep_an_object_whose_keeper_left) {
  put(1);
  copy(first, bob);
  copy(first, cid);
  event()->node_left(ann, "was killed");
  EXPECT_THAT(told(), ElementsAre(kept(1, bob)));
  EXPECT_THAT(core.find(first).holders, ElementsAre(bob, cid));
  event()->node_left(cid, "was killed");
  EXPECT_THAT(told(), IsEmpty()) << "it had a copy only";
  EXPECT_THAT(core.find(first).holders, ElementsAre(bob));
}

TEST_F(directory, tells_who_asks_for_a_lost_object_why_it_is_lost) {
  put(1, "observed");
  put(2);
  put(3, "", bob);
  event()->node_left(ann, "was killed by signal 9");
  EXPECT_THAT(refusal(error_code::object_lost, [&] { event()->sources(first, bob, {}); }),
              AllOf(HasSubstr("the data under the key 'observed' is lost"),
                    HasSubstr("node ann, which was killed by signal 9;")));
  EXPECT_THAT(refusal(error_code::object_lost, [&] { event()->sources(second, bob, {}); }),
              HasSubstr("object 2 is lost"));
  EXPECT_THAT(core.find(first).holders, IsEmpty()) << "it can still be listed";
  EXPECT_THAT(event()->sources(object_id{3}, cid, {}), ElementsAre(bob));
  event()->owner_left(client);
  EXPECT_THAT(told(), UnorderedElementsAre(freed(3, bob), freed(3, cid))) << "and the lost one is on no node";
  event()->drop_key("observed");
  EXPECT_THAT(core.list(), IsEmpty());
}

TEST_F(directory, takes_an_object_of_a_node_that_has_just_left_as_lost) {
  put(1, "observed", nobody);
  EXPECT_THAT(refusal(error_code::object_lost, [&] { event()->sources(first, bob, {}); }), HasSubstr("has left"));
  event()->drop_key("observed");
  event()->release(first, client);
  EXPECT_THAT(core.list(), IsEmpty());
}

TEST_F(directory, finds_a_lost_object_again_when_a_pull_that_had_it_all_arrives) {
  put(1);
  event()->sources(first, bob, {});
  event()->sources(first, cid, {});
  event()->node_left(ann, "was killed");
  refusal(error_code::object_lost, [&] { event()->sources(first, cid, {ann}); });
  event()->arrived(first, bob);
  EXPECT_THAT(told(), ElementsAre(kept(1, bob)));
  EXPECT_THAT(event()->sources(first, cid, {ann}), ElementsAre(bob));
  event()->arrived(first, cid);
  EXPECT_THAT(core.find(first).holders, ElementsAre(bob, cid));
}

TEST_F(directory, forgets_the_pulls_of_a_node_that_left) {
  put(1);
  event()->sources(first, bob, {});
  event()->sources(first, cid, {});
  event()->node_left(bob, "was killed");
  EXPECT_THAT(event()->sources(first, cid, {bob}), ElementsAre(ann));
  event()->arrived(first, bob);
  EXPECT_THAT(core.find(first).holders, ElementsAre(ann));
  event()->release(first, client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann), freed(1, cid)));
}

// -- sources ------------------------------------------------------------------------------------------------

TEST_F(directory, names_all_holders_up_to_two_and_the_less_busy_first) {
  for (std::uint64_t n = 4; n <= 6; ++n)
    event()->node_joined(node_id{n}, "n" + std::to_string(n));
  put(1);
  copy(first, bob);
  copy(first, cid);
  EXPECT_THAT(event()->sources(first, node_id{4}, {}), ElementsAre(ann, bob));
  EXPECT_THAT(event()->sources(first, node_id{5}, {}), ElementsAre(cid, node_id{4}));
  put(2, "", cid);
  EXPECT_THAT(event()->sources(second, ann, {}), ElementsAre(cid)) << "the only one there is, however busy";
}

TEST_F(directory, makes_a_chain_of_a_broadcast_to_eight_nodes_that_all_ask_at_once) {
  put(1);
  std::map<node_id, int> pulls;
  std::vector<node_id> asked{ann};
  for (std::uint64_t n = 101; n <= 108; ++n) {
    node_id node{n};
    event()->node_joined(node, "n" + std::to_string(n));
    auto from = event()->sources(first, node, {});
    EXPECT_FALSE(from.empty());
    EXPECT_LE(from.size(), 2U);
    for (auto source : from) {
      EXPECT_THAT(asked, Contains(source)) << "began later";
      ++pulls[source];
    }
    asked.push_back(node);
  }
  EXPECT_LE(pulls[ann], 2);
  for (auto [node, count] : pulls)
    EXPECT_LE(count, 2) << node.value;
  for (std::uint64_t n = 108; n > 100; --n)
    event()->arrived(first, node_id{n});
  EXPECT_EQ(core.find(first).holders.size(), 9U);
  EXPECT_THAT(event()->sources(first, bob, {}), ElementsAre(ann, node_id{101})) << "nobody serves any more";
}

TEST_F(directory, does_not_offer_sources_again_that_failed) {
  put(1);
  copy(first, bob);
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(ann, bob));
  EXPECT_THAT(event()->sources(first, cid, {ann}), ElementsAre(bob));
  EXPECT_THAT(event()->sources(first, cid, {bob}), ElementsAre(ann));
  EXPECT_THAT(event()->sources(first, cid, {ann, bob}), IsEmpty());
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(ann, bob)) << "asking costs nothing";
}

TEST_F(directory, does_not_offer_a_node_again_that_failed_while_it_still_received) {
  put(1);
  event()->sources(first, bob, {});
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(bob, ann));
  EXPECT_THAT(event()->sources(first, cid, {bob}), ElementsAre(ann));
}

TEST_F(directory, gives_nobody_a_source_that_began_later_even_when_asked_again) {
  node_id dan{4};
  event()->node_joined(dan, "dan");
  put(1);
  EXPECT_THAT(event()->sources(first, bob, {}), ElementsAre(ann));
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(bob, ann));
  EXPECT_THAT(event()->sources(first, dan, {}), ElementsAre(cid, bob));
  EXPECT_THAT(event()->sources(first, bob, {ann}), IsEmpty()) << "all others began later";
  EXPECT_THAT(event()->sources(first, cid, {ann}), ElementsAre(bob));
  EXPECT_THAT(event()->sources(first, dan, {ann}), UnorderedElementsAre(bob, cid));
  event()->dropped(first, bob);
  EXPECT_THAT(event()->sources(first, bob, {ann}), UnorderedElementsAre(cid, dan)) << "now it is the last";
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(ann));
}

TEST_F(directory, gives_an_object_to_a_node_that_has_it_or_has_left_from_nowhere) {
  put(1);
  copy(first, bob);
  EXPECT_THAT(event()->sources(first, ann, {}), IsEmpty());
  EXPECT_THAT(event()->sources(first, bob, {}), IsEmpty());
  EXPECT_THAT(event()->sources(first, nobody, {}), IsEmpty());
  EXPECT_THAT(core.find(first).holders, ElementsAre(ann, bob));
}

TEST_F(directory, takes_an_arrival_that_is_told_twice_or_was_never_asked_for) {
  put(1);
  event()->arrived(first, bob);
  event()->arrived(first, bob);
  event()->arrived(first, ann);
  event()->arrived(first, nobody);
  EXPECT_THAT(core.find(first).holders, ElementsAre(ann, bob));
}

TEST_F(directory, frees_an_object_on_nodes_that_have_it_and_on_those_it_is_on_its_way_to) {
  put(1);
  copy(first, bob);
  event()->sources(first, cid, {});
  event()->release(first, client);
  EXPECT_THAT(told(), ElementsAre(freed(1, ann), freed(1, bob), freed(1, cid)));
  event()->arrived(first, cid);
  EXPECT_THAT(told(), ElementsAre(freed(1, cid))) << "it had arrived before it was told";
  event()->node_left(cid, "left");
  event()->arrived(first, cid);
  EXPECT_THAT(told(), IsEmpty()) << "nobody is there to be told";
  event()->dropped(first, bob);
}

TEST_F(directory, offers_no_copy_that_was_dropped) {
  put(1);
  copy(first, bob);
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(ann, bob));
  event()->dropped(first, bob);
  EXPECT_THAT(core.find(first).holders, ElementsAre(ann));
  EXPECT_THAT(event()->sources(first, cid, {}), ElementsAre(ann));
  EXPECT_THAT(event()->sources(first, bob, {}), UnorderedElementsAre(ann, cid)) << "and it may come back";
  event()->dropped(first, nobody);
}

TEST_F(directory, has_another_keep_what_the_keeper_could_not) {
  put(1);
  copy(first, bob);
  event()->dropped(first, ann);
  EXPECT_THAT(told(), ElementsAre(kept(1, bob)));
  EXPECT_THAT(core.find(first).holders, ElementsAre(bob));
  event()->dropped(first, bob);
  EXPECT_THAT(refusal(error_code::object_lost, [&] { event()->sources(first, cid, {}); }),
              HasSubstr("node bob could not keep it"));
}

// -- simulation ---------------------------------------------------------------------------------------------

/// The directory against a plain model: an object lives while it has a reference or a key, and its holders keep it in
/// the order in which they got it.
class simulation {
public:
  explicit simulation(unsigned seed) : random_{seed} {
    for (int i = 0; i < 3; ++i)
      join();
  }

  void step() {
    switch (below(18)) {
    case 0:
      below(4) == 0 ? join() : leave();
      break;
    case 1:
    case 2:
      put();
      break;
    case 3:
      retain();
      break;
    case 4:
    case 5:
      release();
      break;
    case 6:
      hand_over();
      break;
    case 7:
      drop_key();
      break;
    case 8:
      below(4) == 0 ? owner_left() : release();
      break;
    case 9:
      drop();
      break;
    case 10:
    case 11:
    case 12:
      arrive();
      break;
    case 13:
      retain_for_run();
      break;
    case 14:
      release_from_run();
      break;
    default:
      ask();
    }
    compare();
  }

  void finish() {
    for (std::uint64_t owner = 1; owner <= last_owner_; ++owner) {
      leave_with_runs({owner});
      bury();
      compare();
    }
    for (int k = 0; k < keys; ++k)
      if (auto holder = holder_of(key_name(k)); holder != objects_.end()) {
        core_.drop_key(key_name(k));
        holder->second.key.clear();
        bury();
        compare();
      }
    EXPECT_TRUE(objects_.empty());
    EXPECT_TRUE(core_.list().empty());
  }

  std::map<std::string, int> happened;

private:
  static constexpr int keys = 4;

  struct model_object {
    std::string key;
    std::map<owner_id, std::uint64_t> references;
    std::map<owner_id, std::uint64_t> owed; ///< given back by runs, but not taken yet
    std::vector<node_id> holders;
    std::map<node_id, std::vector<node_id>> pulls; ///< and their sources, as far as these still count
  };
  using objects = std::map<object_id, model_object>;

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  template <class Container>
  auto any(Container& of) {
    return std::next(of.begin(), static_cast<std::ptrdiff_t>(below(of.size())));
  }
  static std::string key_name(int k) { return "key " + std::to_string(k); }
  objects::iterator holder_of(const std::string& key) {
    return std::find_if(objects_.begin(), objects_.end(), [&](const auto& o) { return o.second.key == key; });
  }
  owner_id an_owner() { return owners_[below(owners_.size())]; }
  /// One that is there, was there, or never was.
  object_id an_object() {
    return objects_.empty() || below(10) == 0 ? object_id{1 + below(last_object_ + 2)} : any(objects_)->first;
  }
  static bool contains(const std::vector<node_id>& nodes, node_id node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  }

  void join() {
    if (nodes_.size() == 8)
      return;
    node_id node{++last_node_};
    core_.node_joined(node, "node " + std::to_string(node.value));
    nodes_.insert(node);
  }

  void leave() {
    if (below(3) != 0 || nodes_.empty())
      return;
    auto node = *any(nodes_);
    core_.node_left(node, "was killed");
    nodes_.erase(node);
    for (auto& [id, object] : objects_)
      take_away(id, object, node);
    for (auto& [id, waiting] : freed_on_their_way_)
      std::erase(waiting, node);
    ++happened["node left"];
  }

  void put() {
    object_id id{++last_object_};
    std::string key = below(2) == 0 ? key_name(static_cast<int>(below(keys))) : "";
    auto when = below(2) == 0 ? existing_key::refuse : existing_key::replace;
    node_id node = nodes_.empty() || below(20) == 0 ? node_id{last_node_ + 5} : *any(nodes_);
    auto owner = an_owner();
    auto taken = key.empty() ? objects_.end() : holder_of(key);
    bool refused = taken != objects_.end() && when == existing_key::refuse;
    try {
      core_.put(facts(id.value), key, when, node, owner);
      EXPECT_FALSE(refused);
    } catch (const data_error& e) {
      EXPECT_TRUE(refused && e.code() == error_code::key_taken) << e.what();
      return;
    }
    if (taken != objects_.end()) {
      taken->second.key.clear();
      ++happened["replaced"];
    }
    auto& object = objects_[id];
    object.key = key;
    object.references[owner] = 1;
    if (nodes_.contains(node))
      object.holders.push_back(node);
    bury();
  }

  void retain() {
    auto id = an_object();
    auto owner = an_owner();
    try {
      core_.retain(id, owner);
      ASSERT_TRUE(objects_.contains(id));
      ++objects_[id].references[owner];
    } catch (const data_error& e) {
      EXPECT_TRUE(!objects_.contains(id) && e.code() == error_code::unknown_object) << e.what();
    }
  }

  bool remove_reference(object_id id, owner_id owner) {
    auto object = objects_.find(id);
    if (object == objects_.end() || !object->second.references.contains(owner))
      return false;
    if (--object->second.references[owner] == 0)
      object->second.references.erase(owner);
    return true;
  }

  void release() {
    auto id = an_object();
    auto owner = an_owner();
    core_.release(id, owner);
    remove_reference(id, owner);
    bury();
  }

  void hand_over() {
    auto id = an_object();
    auto from = an_owner();
    auto to = an_owner();
    core_.hand_over(id, from, to);
    if (remove_reference(id, from)) {
      ++objects_[id].references[to];
      ++happened["handed over"];
    }
  }

  void drop_key() {
    auto key = key_name(static_cast<int>(below(keys)));
    auto holder = holder_of(key);
    try {
      core_.drop_key(key);
      ASSERT_NE(holder, objects_.end());
      holder->second.key.clear();
    } catch (const data_error& e) {
      EXPECT_TRUE(holder == objects_.end() && e.code() == error_code::unknown_key) << e.what();
    }
    bury();
  }

  /// Those of a process that is there, or of one that has ended.
  owner_id some_runs() { return owner_of_runs(below(4) == 0 ? owner_id{1 + below(last_owner_)} : an_owner()); }
  bool is_there(owner_id holder) const {
    return std::any_of(owners_.begin(), owners_.end(), [&](owner_id o) { return owner_of_runs(o) == holder; });
  }

  void retain_for_run() {
    auto id = an_object();
    auto holder = some_runs();
    core_.retain_for_run(id, holder);
    auto object = objects_.find(id);
    if (object == objects_.end())
      return;
    if (auto& owed = object->second.owed[holder]; owed != 0) {
      --owed;
      ++happened["taken late"];
    } else if (is_there(holder)) {
      ++object->second.references[holder];
    } else {
      ++happened["taken too late"];
    }
  }

  void release_from_run() {
    auto id = an_object();
    auto holder = some_runs();
    core_.release_from_run(id, holder);
    if (!remove_reference(id, holder) && objects_.contains(id) && is_there(holder))
      ++objects_[id].owed[holder];
    bury();
  }

  void leave_with_runs(owner_id owner) {
    core_.owner_left(owner);
    core_.owner_left(owner_of_runs(owner));
    for (auto& [id, object] : objects_) {
      object.references.erase(owner);
      object.references.erase(owner_of_runs(owner));
    }
  }

  void owner_left() {
    auto owner = an_owner();
    leave_with_runs(owner);
    bury();
    EXPECT_THROW(core_.put(facts(last_object_ + 1), "", existing_key::refuse, node_id{1}, owner), data_error);
    // Another one comes in its place.
    std::replace(owners_.begin(), owners_.end(), owner, owner_id{++last_owner_});
  }

  void ask() {
    if (nodes_.empty())
      return;
    auto id = an_object();
    auto node = *any(nodes_);
    std::vector<node_id> failed;
    if (below(3) == 0)
      std::sample(nodes_.begin(), nodes_.end(), std::back_inserter(failed), static_cast<std::ptrdiff_t>(below(3)),
                  random_);
    auto object = objects_.find(id);
    std::vector<node_id> from;
    try {
      from = core_.sources(id, node, failed);
    } catch (const data_error& e) {
      if (object == objects_.end()) {
        EXPECT_EQ(e.code(), error_code::unknown_object);
      } else {
        EXPECT_EQ(e.code(), error_code::object_lost);
        EXPECT_TRUE(object->second.holders.empty());
        EXPECT_THAT(e.what(), HasSubstr(" is lost: "));
        if (auto own = object->second.pulls.find(node); own != object->second.pulls.end())
          own->second.clear();
        ++happened["lost"];
      }
      return;
    }
    ASSERT_NE(object, objects_.end());
    if (object->second.holders.empty()) {
      EXPECT_FALSE(from.empty()) << "only those who pull it may have it all";
      ++happened["pulled from pullers alone"];
    }
    if (contains(object->second.holders, node)) {
      EXPECT_THAT(from, IsEmpty());
      return;
    }
    EXPECT_LE(from.size(), 2U);
    EXPECT_EQ(std::set(from.begin(), from.end()).size(), from.size());
    for (auto source : from) {
      EXPECT_NE(source, node);
      EXPECT_FALSE(contains(failed, source)) << "failed, and offered again";
      EXPECT_TRUE(contains(object->second.holders, source) || object->second.pulls.contains(source));
      happened["chained"] += object->second.pulls.contains(source);
    }
    for (auto holder : object->second.holders)
      EXPECT_TRUE(!from.empty() || contains(failed, holder)) << "an object that is there cannot be pulled";
    object->second.pulls[node] = from;
    ++happened["pulled"];
  }

  void arrive() {
    if (!freed_on_their_way_.empty() && below(3) == 0) {
      auto late = freed_on_their_way_.begin();
      for (auto node : late->second) {
        core_.arrived(late->first, node);
        expected_.push_back(freed(late->first.value, node));
        ++happened["arrived too late"];
      }
      freed_on_their_way_.erase(late);
      return;
    }
    if (objects_.empty())
      return;
    auto [id, object] = *any(objects_);
    if (object.pulls.empty())
      return;
    auto node = any(object.pulls)->first;
    core_.arrived(id, node);
    auto& changed = objects_[id];
    changed.pulls.erase(node);
    changed.holders.push_back(node);
    if (changed.holders.size() == 1) {
      expected_.push_back(kept(id.value, node));
      ++happened["found again"];
    }
  }

  void drop() {
    if (objects_.empty() || nodes_.empty())
      return;
    auto id = an_object();
    auto node = *any(nodes_);
    core_.dropped(id, node);
    if (auto object = objects_.find(id); object != objects_.end())
      take_away(id, object->second, node);
  }

  void take_away(object_id id, model_object& from, node_id node) {
    from.pulls.erase(node);
    for (auto& [puller, sources] : from.pulls)
      std::erase(sources, node);
    bool was_first = !from.holders.empty() && from.holders.front() == node;
    std::erase(from.holders, node);
    if (was_first && !from.holders.empty()) {
      expected_.push_back(kept(id.value, from.holders.front()));
      ++happened["keeper replaced"];
    }
  }

  /// Takes out what nothing can reach, with what the nodes should be told.
  void bury() {
    std::erase_if(objects_, [&](const auto& o) {
      const auto& [id, object] = o;
      if (!object.key.empty() || !object.references.empty())
        return false;
      for (auto node : object.holders)
        expected_.push_back(freed(id.value, node));
      for (const auto& [node, sources] : object.pulls) {
        expected_.push_back(freed(id.value, node));
        if (below(2) == 0)
          freed_on_their_way_[id].push_back(node);
      }
      ++happened["freed"];
      return true;
    });
  }

  static bool leads_back(const model_object& of, node_id to, node_id now, std::set<node_id>& been) {
    auto pulls = of.pulls.find(now);
    if (pulls == of.pulls.end() || !been.insert(now).second)
      return false;
    return std::any_of(pulls->second.begin(), pulls->second.end(),
                       [&](node_id source) { return source == to || leads_back(of, to, source, been); });
  }

  void compare() {
    core_.check_invariants();
    std::sort(expected_.begin(), expected_.end());
    std::sort(seen_.told.begin(), seen_.told.end());
    ASSERT_EQ(std::exchange(seen_.told, {}), std::exchange(expected_, {}));
    auto listed = core_.list();
    ASSERT_EQ(listed.size(), objects_.size());
    auto at = listed.begin();
    for (const auto& [id, object] : objects_) {
      const auto& e = **at++;
      ASSERT_EQ(e.facts, facts(id.value));
      ASSERT_EQ(e.key, object.key);
      ASSERT_EQ(e.holders, object.holders);
      ASSERT_EQ(std::map(e.references.begin(), e.references.end()), object.references);
      ASSERT_TRUE(object.key.empty() || &core_.find_by_key(object.key) == &e);
      for (const auto& [node, sources] : object.pulls) {
        std::set<node_id> been;
        ASSERT_FALSE(leads_back(object, node, node, been)) << "nodes wait for each other";
      }
    }
  }

  std::mt19937 random_;
  recorder seen_;
  driven_directory core_{seen_};
  std::set<node_id> nodes_;
  std::vector<owner_id> owners_{owner_id{1}, owner_id{2}, owner_id{3}, owner_id{4}, owner_id{5}};
  std::uint64_t last_owner_ = 5;
  objects objects_;
  std::map<object_id, std::vector<node_id>> freed_on_their_way_;
  told_list expected_;
  std::uint64_t last_node_ = 0;
  std::uint64_t last_object_ = 0;
};

TEST(directory_simulation, agrees_with_a_plain_model_whatever_happens) {
  std::map<std::string, int> happened;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    simulation sim{seed};
    for (int i = 0; i < 1500 && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      sim.step();
    }
    sim.finish();
    if (testing::Test::HasFailure())
      return;
    for (const auto& [what, count] : sim.happened)
      happened[what] += count;
  }
  for (const auto* what : {"node left", "replaced", "handed over", "lost", "chained", "pulled", "arrived too late",
                           "found again", "keeper replaced", "freed", "taken late", "taken too late"})
    EXPECT_GT(happened[what], 50) << what;
}

} // namespace
} // namespace daskify::internal
