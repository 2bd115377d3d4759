// Clients of a simulated cluster, each with one operation at a time, and what they may see.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/testing/world.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace nokv::raft::testing {

class Clients : public Observer {
 public:
  Clients(World& world, size_t count, uint64_t think_us);

  void Start();

  void Stop() { is_stopped_ = true; }

  void OnApplied(Host& host, const Entry& entry) override;
  void OnRead(Host& host, const ReadState& read) override;
  void OnDroppedRead(uint64_t context) override;

 private:
  struct Client {
    PeerId host = 1;         // Where it last had luck.
    uint64_t operation = 0;  // What it waits for; 0: nothing.
    Index floor = 0;         // What its read must see.
    PeerId asked = kNobody;  // By this read or write.
  };

  struct Latch {
    Term term = 0;
    uint64_t number = 0;
  };

  void Act(size_t client);
  void Think(size_t client);
  void GiveUpLater(size_t client, uint64_t operation);
  void Read(size_t client, Host& host);
  void EvaluateWrite(size_t client, Host& host);
  void ProposeWrite(size_t client, PeerId host, uint64_t incarnation, Term term,
                    const Write& write);
  Client* Waiting(uint64_t operation);
  void Done(size_t client);
  void AskStaleLeaders();

  World& world_;
  uint64_t think_us_;
  bool is_stopped_ = false;
  uint64_t operations_ = 0;
  Index completed_ = 0;          // Every operation that ended saw or made at most this index.
  std::vector<Client> clients_;  // The last of them only acts when a leader is new.
  std::map<uint64_t, Index> stale_reads_;  // Asked of deposed leaders: what they must see.
  std::map<std::pair<PeerId, uint64_t>, Latch> latches_;  // By host and register.
};

}  // namespace nokv::raft::testing
