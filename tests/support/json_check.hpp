#pragma once

/// Checks that a text is exactly one JSON value (RFC 8259).

#include <algorithm>
#include <cctype>
#include <string_view>

namespace daskify::test {

class json_check {
public:
  static bool is_json(std::string_view text) {
    json_check all{text};
    return all.value() && (all.blanks(), all.rest_.empty());
  }

private:
  explicit json_check(std::string_view text) : rest_{text} {}

  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  bool take(std::string_view token) {
    if (!rest_.starts_with(token))
      return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  bool digits() {
    auto end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(end);
    return end != 0;
  }

  bool number() {
    take("-");
    if (!take("0") && !digits())
      return false;
    if (take(".") && !digits())
      return false;
    if (take("e") || take("E")) {
      if (!take("+"))
        take("-");
      return digits();
    }
    return true;
  }

  bool string() {
    if (!take("\""))
      return false;
    while (!rest_.empty()) {
      auto c = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (c == '"')
        return true;
      if (c < 0x20)
        return false;
      if (c != '\\')
        continue;
      if (take("u")) {
        for (int i = 0; i < 4; ++i, rest_.remove_prefix(1))
          if (rest_.empty() || !std::isxdigit(static_cast<unsigned char>(rest_.front())))
            return false;
      } else if (rest_.empty() || std::string_view{"\"\\/bfnrt"}.find(rest_.front()) == std::string_view::npos) {
        return false;
      } else {
        rest_.remove_prefix(1);
      }
    }
    return false;
  }

  bool member() { return string() && (blanks(), take(":")) && value(); }

  /// Elements separated by commas, up to the bracket `end`.
  template <class F>
  bool list(std::string_view end, F element) {
    blanks();
    if (take(end))
      return true;
    do {
      blanks();
      if (!element())
        return false;
      blanks();
    } while (take(","));
    return take(end);
  }

  bool value() {
    blanks();
    if (take("{"))
      return list("}", [this] { return member(); });
    if (take("["))
      return list("]", [this] { return value(); });
    return take("true") || take("false") || take("null") || (rest_.starts_with('"') ? string() : number());
  }

  std::string_view rest_;
};

} // namespace daskify::test
