#include "daskify/code/code_address.hpp"

#include "daskify/text/demangle.hpp"
#include "daskify/text/fnv1a.hpp"
#include "daskify/text/hex.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

namespace daskify::internal {

namespace {

/// A file as the dynamic loader has mapped it.
struct loaded_file {
  ElfW(Addr) base = 0;
  const ElfW(Phdr) * headers = nullptr;
  std::size_t header_count = 0;
  bool is_program = false;
  const char* path = ""; ///< empty for the program

  std::filesystem::path full_path() const {
    std::error_code unknown;
    return is_program ? std::filesystem::read_symlink("/proc/self/exe", unknown) : std::filesystem::path{path};
  }

  /// Whether `offset` lies in a segment with at least one of the `flags`.
  bool has_at(std::uint64_t offset, ElfW(Word) flags) const {
    for (std::size_t i = 0; i < header_count; ++i) {
      const auto& h = headers[i];
      if (h.p_type == PT_LOAD && (h.p_flags & flags) != 0 && offset >= h.p_vaddr && offset - h.p_vaddr < h.p_memsz)
        return true;
    }
    return false;
  }
};

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    append_hex(text, bytes[i]);
  return text;
}

std::string hash_of_program_file() {
  std::ifstream file{"/proc/self/exe", std::ios::binary};
  auto hash = fnv1a_begin;
  std::array<char, 65536> part;
  while (file.read(part.data(), part.size()), file.gcount() != 0)
    hash = fnv1a({part.data(), static_cast<std::size_t>(file.gcount())}, hash);
  return "fnv" + to_hex(hash);
}

std::string build_id_of(const loaded_file& file) {
  for (std::size_t i = 0; i < file.header_count; ++i) {
    const auto& h = file.headers[i];
    if (h.p_type != PT_NOTE)
      continue;
    const auto* at = reinterpret_cast<const unsigned char*>(file.base + h.p_vaddr);
    const auto* end = at + h.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const auto* name = at + sizeof note;
      const auto* content = name + ((note.n_namesz + 3) & ~3u);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
        return hex(content, note.n_descsz);
      at = content + ((note.n_descsz + 3) & ~3u);
    }
  }
  return file.is_program ? hash_of_program_file() : std::string{};
}

/// Calls f(file) for each loaded file until f returns true.
template <class F>
void each_loaded_file(F&& f) {
  struct state {
    F& f;
    bool first = true;
  } s{f};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& st = *static_cast<state*>(data);
        loaded_file file{info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, st.first,
                         info->dlpi_name ? info->dlpi_name : ""};
        st.first = false; // the program itself comes first
        return st.f(file) ? 1 : 0;
      },
      &s);
}

constexpr ElfW(Word) any_rights = PF_R | PF_W | PF_X;

/// Calls f(file, offset) for the file that has `address` in a segment with at least one of the `flags`.
template <class F>
void with_file_of(const void* address, ElfW(Word) flags, F&& f) {
  auto at = reinterpret_cast<std::uint64_t>(address);
  each_loaded_file([&](const loaded_file& file) {
    if (at < file.base || !file.has_at(at - file.base, flags))
      return false;
    f(file, at - file.base);
    return true;
  });
}

std::string id_of(const loaded_file& file) {
  return file.is_program ? program_build_id() : build_id_of(file);
}

function_ref reference_to(const void* address, ElfW(Word) flags) {
  function_ref found;
  with_file_of(address, flags, [&](const loaded_file& file, std::uint64_t offset) {
    found.module = id_of(file);
    found.offset = offset;
    found.file = file.full_path().filename();
  });
  if (found.module.empty())
    throw data_error{error_code::unnamed_code,
                     "A function cannot be sent to the workers because it is in no file with a build id; link the "
                     "library that has it with --build-id."};
  return found;
}

std::string program_id_once() {
  std::string id;
  each_loaded_file([&](const loaded_file& file) {
    id = build_id_of(file);
    return true;
  });
  return id;
}

} // namespace

const std::string& program_build_id() {
  static const std::string id = program_id_once();
  return id;
}

function_ref to_reference(const void* address) {
  return reference_to(address, PF_X);
}

function_ref to_place(const void* variable) {
  return reference_to(variable, PF_R | PF_W);
}

bool is_at(const void* variable, const function_ref& place) {
  bool same = false;
  with_file_of(variable, PF_R | PF_W, [&](const loaded_file& file, std::uint64_t offset) {
    same = offset == place.offset && id_of(file) == place.module;
  });
  return same;
}

const void* to_address(const function_ref& function) {
  const void* address = nullptr;
  each_loaded_file([&](const loaded_file& file) {
    if (function.module.empty() || id_of(file) != function.module || !file.has_at(function.offset, PF_X))
      return false;
    address = reinterpret_cast<const void*>(file.base + function.offset);
    return true;
  });
  if (!address)
    throw error{
        error_code::function_not_found,
        "The worker has not loaded " + (function.file.empty() ? "the file" : "'" + function.file + "'") +
            " (build id " + function.module +
            "), which the function is in; load the same libraries in the first lines of main, before the daskified "
            "object is made, and start daskify-worker with this very file by --load or --program."};
  return address;
}

void load_library(const std::string& path) {
  // RTLD_NOW: missing symbols are reported here, instead of ending a worker in the middle of a task.
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
    return;
  const char* why = ::dlerror();
  throw config_error{error_code::bad_option_value, "The library '" + path + "' cannot be loaded (" +
                                                       (why ? why : "no reason was given") +
                                                       "); name a shared library whose own libraries are found."};
}

std::string file_of(const void* address) {
  std::string path;
  with_file_of(address, any_rights, [&](const loaded_file& file, std::uint64_t) { path = file.full_path(); });
  return path;
}

std::string place_of(const void* address) {
  std::string place;
  with_file_of(address, any_rights, [&](const loaded_file& file, std::uint64_t offset) {
    auto module = id_of(file);
    place = (module.empty() ? std::string{file.path} : module) + "+" + std::to_string(offset);
  });
  return place;
}

std::string symbol_at(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_saddr != address || !info.dli_sname)
    return {};
  return demangle(info.dli_sname);
}

} // namespace daskify::internal
