// The commands of one round with the sessions they came from, as a backend sees them.
//
// Replies are appended to the sessions' outputs in order, and each command remembers where its own
// lies until the round is over, so that a backend can run a command again or fail it. A command
// that runs again does so for the session as it was the first time; commands about the session
// itself keep their effect and their reply.
//
// Thread-safety: none.
#pragma once

#include "gateway/backend/backend.h"
#include "gateway/command/command.h"
#include "gateway/command/host.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::server {

class ClientRound final : public backend::Round {
 public:
  explicit ClientRound(command::Host& host) : host_(host) {}

  // Where the words of added commands go; they stay in place until Clear().
  std::vector<std::string_view>* words() { return &words_; }

  // The command whose words are [first, first + count) of words().
  void Add(command::Session& session, size_t first, size_t count);

  void Clear();

  size_t size() const override { return entries_.size(); }

  backend::Traits TraitsOf(size_t index) const override;
  void NameKeys(size_t index, std::vector<backend::KeyUse>* keys) const override;
  absl::Status Run(size_t index, backend::Keyspace& keyspace) override;
  void Fail(size_t index, const absl::Status& cause) override;

 private:
  struct Entry {
    command::Session* session;
    size_t first_word;
    size_t words;
    const command::Command* named;  // What the first word says; null if that is unknown.

    // Since the first run.
    bool has_run = false;
    bool is_skipped = false;  // It came behind a QUIT.
    int database = 0;
    resp::Protocol protocol = resp::Protocol::kResp2;
    bool is_authenticated = false;
    const command::Command* command = nullptr;
    size_t reply_offset = 0;
    size_t reply_bytes = 0;
  };

  absl::Status RunFirst(Entry& entry, backend::Keyspace& keyspace);
  absl::Status Dispatch(Entry& entry, backend::Keyspace& keyspace, std::string* out);
  void ReplaceReply(size_t index, std::string_view reply);
  void CountReply(const Entry& entry);

  command::Host& host_;
  std::vector<std::string_view> words_;
  std::vector<Entry> entries_;
};

// What a client is told when the keyspace fails: the code says whether to try again.
std::string DescribeFailure(const absl::Status& cause);

}  // namespace nokv::server
