/// A result as the argument of the next task: it is sent from worker to worker, and the next task waits for it
/// automatically.

#include <daskify/daskify.hpp>

#include <iostream>
#include <string>
#include <vector>

std::string word(int i) {
  return std::vector<std::string>{"sweeps", "made", "of", "tasks"}.at(static_cast<std::size_t>(i));
}

std::size_t length(const std::string& text) {
  return text.size();
}

std::string join(const std::string& a, const std::string& b) {
  return a + " " + b;
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();
  auto words = cluster.map(word, daskify::range(4));

  // A chain of tasks: none of these calls blocks.
  auto sentence = words[0];
  for (std::size_t i = 1; i < words.size(); ++i)
    sentence = cluster.submit(join, sentence, words[i]);

  // Results in the order in which the tasks end.
  std::vector<daskify::future<std::size_t>> lengths;
  for (const auto& w : words)
    lengths.push_back(cluster.submit(length, w));
  std::size_t letters = 0;
  for (const auto& done : daskify::as_completed(lengths))
    letters += done.get();

  std::cout << sentence.get() << ": " << letters << " letters\n";
  return sentence.get() == "sweeps made of tasks" && letters == 17 ? 0 : 1;
}
