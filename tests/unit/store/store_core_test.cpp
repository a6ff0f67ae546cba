#include "daskify/store/store_core.hpp"

#include "daskify/error.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace daskify;
using namespace daskify::internal;

namespace {

using core = store_core<std::string>;

object_info info(std::uint64_t id, std::string key = "", std::uint64_t references = 1) {
  return {object_id{id}, std::move(key), "double", 8, references};
}

std::vector<std::uint64_t> ids(const core::freed_objects& freed) {
  std::vector<std::uint64_t> all;
  for (const auto& object : freed)
    all.push_back(object.info.object.value);
  return all;
}

using id_list = std::vector<std::uint64_t>;

/// The sentence of the data_error with that code that `event` throws, after which the core must be as before.
template <class Event>
std::string refusal(core& store, error_code code, Event event) {
  auto before = store.list();
  std::string sentence = "nothing was thrown";
  try {
    event();
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    sentence = e.what();
  }
  EXPECT_EQ(store.list(), before);
  store.check_invariants();
  return sentence;
}

} // namespace

TEST(store_core, finds_an_object_by_id_and_by_key) {
  core store;
  EXPECT_TRUE(store.put(info(7, "observed"), "payload").empty());
  EXPECT_EQ(store.find(object_id{7}).payload, "payload");
  EXPECT_EQ(store.find_by_key("observed").info, info(7, "observed"));
  EXPECT_EQ(store.list(), std::vector{info(7, "observed")});
  store.check_invariants();
}

TEST(store_core, frees_an_object_with_its_last_reference) {
  core store;
  store.put(info(1), "payload");
  store.retain(object_id{1});
  EXPECT_TRUE(store.release(object_id{1}).empty());
  auto freed = store.release(object_id{1});
  ASSERT_EQ(freed.size(), 1U);
  EXPECT_EQ(freed[0].payload, "payload");
  EXPECT_TRUE(store.list().empty());
}

TEST(store_core, keeps_an_object_that_has_only_a_key) {
  core store;
  store.put(info(1, "observed"), "");
  EXPECT_TRUE(store.release(object_id{1}).empty());
  EXPECT_EQ(store.find_by_key("observed").info.references, 0U);
  EXPECT_EQ(ids(store.drop_key("observed")), id_list{1});
  EXPECT_TRUE(store.list().empty());
}

TEST(store_core, keeps_an_object_that_lost_its_key_while_it_is_referenced) {
  core store;
  store.put(info(1, "observed"), "");
  EXPECT_TRUE(store.drop_key("observed").empty());
  EXPECT_EQ(store.find(object_id{1}).info.key, "");
  store.check_invariants();
  EXPECT_EQ(ids(store.release(object_id{1})), id_list{1});
}

TEST(store_core, revives_a_keyed_object_that_is_retained_again) {
  core store;
  store.put(info(1, "observed", 0), "");
  store.retain(object_id{1});
  EXPECT_TRUE(store.drop_key("observed").empty());
  EXPECT_EQ(ids(store.release(object_id{1})), id_list{1});
}

TEST(store_core, frees_at_once_what_nothing_can_reach) {
  core store;
  EXPECT_EQ(ids(store.put(info(1, "", 0), "")), id_list{1});
  EXPECT_TRUE(store.list().empty());
}

TEST(store_core, holds_any_number_of_objects_without_a_key) {
  core store;
  store.put(info(1), "");
  store.put(info(2), "");
  EXPECT_EQ(store.list().size(), 2U);
  store.check_invariants();
}

TEST(store_core, refuses_a_taken_key) {
  core store;
  store.put(info(1, "observed"), "");
  auto sentence = refusal(store, error_code::key_taken, [&] { store.put(info(2, "observed"), ""); });
  EXPECT_NE(sentence.find("'observed'"), sentence.npos) << sentence;
}

TEST(store_core, replaces_a_taken_key_when_asked_to_and_frees_the_old_object_when_unused) {
  core store;
  store.put(info(1, "observed", 0), "");
  EXPECT_EQ(ids(store.put(info(2, "observed"), "", taken_key::replace)), id_list{1});
  EXPECT_EQ(store.find_by_key("observed").info.object, object_id{2});
  store.check_invariants();
}

TEST(store_core, leaves_a_replaced_object_to_those_who_hold_it) {
  core store;
  store.put(info(1, "observed"), "old");
  EXPECT_TRUE(store.put(info(2, "observed"), "new", taken_key::replace).empty());
  EXPECT_EQ(store.find(object_id{1}).payload, "old");
  EXPECT_EQ(store.find_by_key("observed").payload, "new");
  store.check_invariants();
  EXPECT_EQ(ids(store.release(object_id{1})), id_list{1});
}

TEST(store_core, refuses_an_id_that_is_in_use_or_none) {
  core store;
  store.put(info(1, "a"), "");
  refusal(store, error_code::store_failed, [&] { store.put(info(1, "b"), ""); });
  refusal(store, error_code::store_failed, [&] { store.put(info(1, "a"), "", taken_key::replace); });
  auto sentence = refusal(store, error_code::store_failed, [&] { store.put(info(0), ""); });
  EXPECT_NE(sentence.find("no valid id"), sentence.npos) << sentence;
}

TEST(store_core, refuses_to_find_retain_or_release_what_is_not_there) {
  core store;
  store.put(info(1), "");
  refusal(store, error_code::unknown_object, [&] { store.find(object_id{2}); });
  refusal(store, error_code::unknown_object, [&] { store.retain(object_id{2}); });
  auto sentence = refusal(store, error_code::unknown_object, [&] { store.release(object_id{2}); });
  EXPECT_NE(sentence.find("object 2 "), sentence.npos) << sentence;
}

TEST(store_core, refuses_one_release_too_many) {
  core store;
  store.put(info(1, "observed"), "");
  store.release(object_id{1});
  auto sentence = refusal(store, error_code::store_failed, [&] { store.release(object_id{1}); });
  EXPECT_NE(sentence.find("more often"), sentence.npos) << sentence;
}

TEST(store_core, names_the_key_that_was_probably_meant) {
  core store;
  store.put(info(1, "observed"), "");
  store.put(info(2, "weights"), "");
  auto sentence = refusal(store, error_code::unknown_key, [&] { store.find_by_key("obsreved"); });
  EXPECT_NE(sentence.find("'obsreved': did you mean 'observed'?"), sentence.npos) << sentence;
  refusal(store, error_code::unknown_key, [&] { store.drop_key("obsreved"); });
}

TEST(store_core, lists_the_keys_there_are_when_none_comes_close) {
  core store;
  auto sentence = refusal(store, error_code::unknown_key, [&] { store.find_by_key("temperature"); });
  EXPECT_NE(sentence.find("no key is in use"), sentence.npos) << sentence;
  for (std::uint64_t id = 1; id <= 11; ++id)
    store.put(info(id, "key " + std::to_string(id)), "");
  sentence = refusal(store, error_code::unknown_key, [&] { store.find_by_key("temperature"); });
  EXPECT_NE(sentence.find("'key 1', 'key 10', 'key 11', "), sentence.npos) << sentence;
  EXPECT_NE(sentence.find(" and 3 more"), sentence.npos) << sentence;
}

TEST(store_core, has_no_object_under_the_empty_key) {
  core store;
  store.put(info(1), "");
  refusal(store, error_code::unknown_key, [&] { store.find_by_key(""); });
  refusal(store, error_code::unknown_key, [&] { store.drop_key(""); });
}

TEST(store_core, hands_back_payloads_that_can_only_be_moved) {
  store_core<std::unique_ptr<int>> store;
  store.put(info(1), std::make_unique<int>(42));
  auto freed = store.release(object_id{1});
  ASSERT_EQ(freed.size(), 1U);
  EXPECT_EQ(*freed[0].payload, 42);
}

/// Against a model that knows only the rule "lives while it has a reference or a key".
TEST(store_core, agrees_with_a_plain_model_over_random_events) {
  struct model_object {
    std::string key;
    std::uint64_t references;
  };
  std::map<std::uint64_t, model_object> model;
  core store;
  std::mt19937 random{20240607};
  auto below = [&](std::uint64_t n) { return random() % n; };

  for (std::uint64_t step = 1; step <= 5'000; ++step) {
    id_list freed;
    auto id = model.empty() ? step : std::next(model.begin(), static_cast<long>(below(model.size())))->first;
    auto key = "k" + std::to_string(below(6));
    auto holder = std::find_if(model.begin(), model.end(), [&](auto& m) { return m.second.key == key; });
    auto drop_from_model = [&] {
      if (holder != model.end())
        holder->second.key.clear();
    };
    switch (below(5)) {
    case 0:
    case 1: {
      auto own_key = below(2) == 0 ? key : "";
      if (!own_key.empty())
        drop_from_model();
      freed = ids(store.put(info(step, own_key, below(3)), "", taken_key::replace));
      model[step] = {own_key, std::find(freed.begin(), freed.end(), step) == freed.end()
                                  ? store.find(object_id{step}).info.references
                                  : 0};
      break;
    }
    case 2:
      if (model.contains(id)) {
        store.retain(object_id{id});
        ++model[id].references;
      }
      break;
    case 3:
      if (model.contains(id) && model[id].references != 0) {
        --model[id].references;
        freed = ids(store.release(object_id{id}));
      }
      break;
    default:
      if (holder != model.end()) {
        drop_from_model();
        freed = ids(store.drop_key(key));
      }
    }
    id_list expected;
    std::erase_if(model, [&](const auto& m) {
      auto dead = m.second.key.empty() && m.second.references == 0;
      if (dead)
        expected.push_back(m.first);
      return dead;
    });
    std::sort(freed.begin(), freed.end());
    ASSERT_EQ(freed, expected) << "after event " << step;
    ASSERT_EQ(store.list().size(), model.size()) << "after event " << step;
    store.check_invariants();
  }
}
