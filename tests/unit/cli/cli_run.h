// The built `sipward` against a daemon that gives canned replies.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/guarded.h"
#include "support/catch.h"
#include "unit/control/server_thread.h"

namespace sipward::test {

using nlohmann::json;

// A canned reply, an error, or a function of the parameters.
using Answer = std::function<Result<json>(const json& parameters)>;

[[nodiscard]] inline Answer reply(json parameters) {
  return [parameters = std::move(parameters)](const json&) -> Result<json> { return parameters; };
}
[[nodiscard]] inline Answer error(ErrorKind kind, std::string text) {
  return [kind, text = std::move(text)](const json&) -> Result<json> {
    return tl::unexpected(Error{kind, text});
  };
}

class FakeDaemon {
 public:
  explicit FakeDaemon(const std::map<std::string, Answer>& answers) : server_(record(answers)) {}

  [[nodiscard]] std::string socket() const { return server_.path().string(); }
  // The parameters of every call of `method`, in order.
  [[nodiscard]] std::vector<json> calls(const std::string& method) {
    return calls_.with([&](auto& calls) {
      std::vector<json> found;
      for (const auto& [name, parameters] : calls)
        if (name == method) found.push_back(parameters);
      return found;
    });
  }

 private:
  std::map<std::string, control::Method> record(const std::map<std::string, Answer>& answers) {
    std::map<std::string, control::Method> methods;
    for (const auto& [name, answer] : answers)
      methods[name] = {false,
                       [this, name, answer](const json& parameters, const control::Caller&) -> Result<json> {
                         calls_.with([&](auto& calls) { calls.emplace_back(name, parameters); });
                         return answer(parameters);
                       }};
    return methods;
  }

  Guarded<std::vector<std::pair<std::string, json>>> calls_;
  ServerThread server_;
};

struct RunOptions {
  std::string socket;                                // SIPWARD_SOCKET, when not empty
  std::string input;                                 // stdin, a file
  std::map<std::string, std::string> environment{};  // besides PATH and TERM=xterm
  std::string output_path{};                         // where stdout goes instead of `out`
  uid_t uid = 0;                                     // the user to run as
};

struct RunResult {
  int code = -1;  // 128 + N for a signal
  std::string out;
  std::string err;
};

[[nodiscard]] inline int exit_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What an exec needs, made before the fork: the test has threads, so the child allocates nothing.
struct Command {
  Command(std::vector<std::string> args, const RunOptions& options,
          const std::string& program = SIPWARD_CLI) {
    words = std::move(args);
    words.insert(words.begin(), program);
    environment = {"PATH=/usr/bin:/bin"};
    if (!options.environment.contains("TERM")) environment.emplace_back("TERM=xterm");
    if (!options.socket.empty()) environment.push_back("SIPWARD_SOCKET=" + options.socket);
    for (const auto& [name, value] : options.environment)
      environment.push_back(fmt::format("{}={}", name, value));
    for (auto* list : {&words, &environment})
      for (std::string& text : *list) (list == &words ? argv : envp).push_back(text.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }
  [[noreturn]] void exec() {
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(126);
  }
  std::vector<std::string> words;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
};

[[nodiscard]] inline RunResult run(std::vector<std::string> args, const RunOptions& options = {}) {
  const TempDir directory;
  const std::string program = directory / "sipward";
  // Another user may not reach the build directory.
  if (options.uid != 0) std::filesystem::copy_file(SIPWARD_CLI, program);
  Command command(std::move(args), options, options.uid == 0 ? SIPWARD_CLI : program);
  std::ofstream(directory / "in") << options.input;
  const Fd in(::open((directory / "in").c_str(), O_RDONLY | O_CLOEXEC));
  const std::string out_path =
      options.output_path.empty() ? (directory / "out").string() : options.output_path;
  const Fd out(::open(out_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const Fd err(::open((directory / "err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in.get(), 0);
    ::dup2(out.get(), 1);
    ::dup2(err.get(), 2);
    if (options.uid != 0 &&
        (::setgroups(0, nullptr) != 0 || ::setgid(options.uid) != 0 || ::setuid(options.uid) != 0))
      ::_exit(125);
    command.exec();
  }
  RunResult result;
  result.code = exit_status(pid);
  if (options.output_path.empty()) result.out = read_file(out_path).value();
  result.err = read_file(directory / "err").value();
  return result;
}

// On a pseudo-terminal; `out` is everything that the terminal was sent. `input` is typed at once.
[[nodiscard]] inline RunResult run_on_terminal(std::vector<std::string> args,
                                               const RunOptions& options = {}) {
  Command command(std::move(args), options);
  int master = -1;
  const pid_t pid = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (pid == 0) command.exec();
  const Fd terminal(master);
  (void)!::write(terminal.get(), options.input.data(), options.input.size());
  RunResult result;
  std::array<char, 4096> chunk{};
  // EIO is the end: the other side has no user any more.
  for (ssize_t n = 0; (n = ::read(terminal.get(), chunk.data(), chunk.size())) > 0;)
    result.out.append(chunk.data(), static_cast<std::size_t>(n));
  result.code = exit_status(pid);
  return result;
}

// Anything but printable ASCII, UTF-8 above U+00A0 and line ends.
[[nodiscard]] inline bool has_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n') || c == 0x7f) return true;
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

}  // namespace sipward::test
