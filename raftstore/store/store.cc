#include "raftstore/store/store.h"

#include "raftstore/store/answers.h"
#include "raftstore/store/loop.h"
#include "raftstore/store/mailbox.h"

#include <utility>

namespace nokv::store {

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options, const Seams& seams) {
  RETURN_IF_ERROR(Validate(options));
  auto mailbox = std::make_shared<Mailbox>(seams.loop, options);
  ASSIGN_OR_RETURN(std::unique_ptr<Loop> loop, Loop::Open(options, seams, mailbox));
  return std::unique_ptr<Store>(new Store(options, std::move(mailbox), std::move(loop)));
}

Store::Store(const Options& options, std::shared_ptr<Mailbox> mailbox, std::unique_ptr<Loop> loop)
    : options_(options), mailbox_(std::move(mailbox)), loop_(std::move(loop)) {}

Store::~Store() { mailbox_->Close(); }

absl::Status Store::Bootstrap(const region::RegionMeta& region) { return loop_->Bootstrap(region); }

void Store::Start() {
  mailbox_->Start([this](Inputs inputs) { return loop_->Round(std::move(inputs)); });
}

void Store::Submit(kv::v1::Command command, Done done) {
  const uint64_t bytes = command.ByteSizeLong() + kCommandOverheadBytes;
  auto pending = std::make_unique<Pending>();
  pending->command = std::move(command);
  pending->done = std::move(done);
  if (!mailbox_->admission().Enter(bytes)) {
    pending->Answer(
        Refuse(pending->command, ServerIsBusy("room for commands", options_.busy_wait)));
    return;
  }
  pending->ticket = Ticket(mailbox_->admission(), bytes);
  mailbox_->Submit(std::move(pending));
}

void Store::OnMessages(transport::StoreId from, std::vector<transport::Envelope> messages) {
  mailbox_->Receive(from, std::move(messages));
}

void Store::OnUndelivered(transport::StoreId, std::vector<transport::Undelivered> undelivered) {
  mailbox_->Return(std::move(undelivered));
}

void Store::Tick() { mailbox_->Wake(); }

void Store::Inspect(std::function<void(const Report&)> done) {
  mailbox_->Post([this, done = std::move(done)] { done(loop_->MakeReport()); });
}

const Ident& Store::ident() const { return loop_->ident(); }

}  // namespace nokv::store
