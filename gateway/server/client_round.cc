#include "gateway/server/client_round.h"

#include "gateway/backend/key_encoding.h"

namespace nokv::server {
namespace {

constexpr size_t kWordsKept = 1 << 20;

}  // namespace

void ClientRound::Add(command::Session& session, size_t first, size_t count) {
  entries_.push_back({.session = &session,
                      .first_word = first,
                      .words = count,
                      .named = command::FindCommand(words_[first])});
}

void ClientRound::Clear() {
  if (words_.capacity() > kWordsKept) words_ = {};
  words_.clear();
  entries_.clear();
}

backend::Traits ClientRound::TraitsOf(size_t index) const {
  const Entry& entry = entries_[index];
  return {.client = entry.session->id,
          .may_write = entry.named != nullptr && (entry.named->flags & command::kWrite) != 0};
}

void ClientRound::NameKeys(size_t index, std::vector<backend::KeyUse>* keys) const {
  const Entry& entry = entries_[index];
  const auto arguments = std::span(words_).subspan(entry.first_word, entry.words);
  const command::Command* const command = entry.named;
  if (command == nullptr || !entry.session->is_authenticated) return;
  const command::KeyPlaces places = command::PlacesOfKeys(*command, arguments.size());
  for (size_t i = places.first; i < places.end; i += places.step) {
    if (!backend::KeyFits(arguments[i])) continue;
    keys->push_back({.database = entry.session->database,
                     .key = arguments[i],
                     .wants_value = (command->flags & command::kOverwrites) == 0});
  }
}

absl::Status ClientRound::Run(size_t index, backend::Keyspace& keyspace) {
  Entry& entry = entries_[index];
  if (!entry.has_run) return RunFirst(entry, keyspace);
  const bool uses_data = entry.command != nullptr &&
                         (entry.command->flags & (command::kWrite | command::kReadOnly)) != 0;
  if (!uses_data) return absl::OkStatus();
  std::string reply;
  const absl::Status status = Dispatch(entry, keyspace, &reply);
  if (status.ok()) ReplaceReply(index, reply);
  return status;
}

absl::Status ClientRound::RunFirst(Entry& entry, backend::Keyspace& keyspace) {
  command::Session& session = *entry.session;
  entry.has_run = true;
  entry.is_skipped = session.closes_after_reply;
  entry.database = session.database;
  entry.protocol = session.protocol;
  entry.is_authenticated = session.is_authenticated;
  entry.reply_offset = session.output.size();
  if (entry.is_skipped) return absl::OkStatus();
  const absl::Status status = Dispatch(entry, keyspace, &session.output);
  if (!status.ok()) session.output.resize(entry.reply_offset);  // Half a reply is none.
  entry.reply_bytes = session.output.size() - entry.reply_offset;
  CountReply(entry);
  return status;
}

absl::Status ClientRound::Dispatch(Entry& entry, backend::Keyspace& keyspace, std::string* out) {
  resp::Writer reply(out, entry.protocol);
  command::Call call{.arguments = std::span(words_).subspan(entry.first_word, entry.words),
                     .named = entry.named,
                     .database = entry.database,
                     .is_authenticated = entry.is_authenticated,
                     .is_repeated = entry.has_run && entry.command != nullptr,
                     .session = *entry.session,
                     .host = host_,
                     .keyspace = keyspace,
                     .reply = reply};
  absl::Status status = command::Dispatch(call);
  entry.command = call.command;
  return status;
}

void ClientRound::Fail(size_t index, const absl::Status& cause) {
  std::string reply;
  resp::Writer(&reply, entries_[index].protocol).Error(DescribeFailure(cause));
  if (!entries_[index].has_run)
    entries_[index].reply_offset = entries_[index].session->output.size();
  entries_[index].has_run = true;
  ReplaceReply(index, reply);
  CountReply(entries_[index]);
}

void ClientRound::ReplaceReply(size_t index, std::string_view reply) {
  Entry& entry = entries_[index];
  entry.session->output.replace(entry.reply_offset, entry.reply_bytes, reply);
  const size_t before = entry.reply_bytes;
  entry.reply_bytes = reply.size();
  for (size_t i = index + 1; i < entries_.size(); ++i) {
    Entry& later = entries_[i];
    if (later.session != entry.session || !later.has_run) continue;
    later.reply_offset = later.reply_offset - before + reply.size();
  }
}

void ClientRound::CountReply(const Entry& entry) {
  const bool is_error = entry.reply_bytes > 0 && entry.session->output[entry.reply_offset] == '-';
  if (!is_error) return;
  host_.statistics.error_replies.Add();
  if (entry.named == nullptr) return;
  const ptrdiff_t place = entry.named - command::Table().data();
  host_.statistics.per_command[static_cast<size_t>(place)].errors.Add();
}

std::string DescribeFailure(const absl::Status& cause) {
  std::string_view code = "ERR";
  if (absl::IsResourceExhausted(cause)) code = "OOM";
  if (absl::IsFailedPrecondition(cause)) code = "MISCONF";
  if (absl::IsUnavailable(cause)) code = "TRYAGAIN";
  if (absl::IsUnknown(cause)) code = "UNKNOWN";
  return fmt::format("{} NoKV: {}", code, StdView(cause.message()));
}

}  // namespace nokv::server
