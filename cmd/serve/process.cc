#include "cmd/serve/process.h"

#include "cmd/daemon/admin_server.h"
#include "cmd/daemon/metrics.h"
#include "cmd/serve/addresses.h"
#include "cmd/serve/disk_watch.h"
#include "cmd/serve/first_regions.h"
#include "cmd/serve/metrics.h"
#include "engine/base/mutex.h"
#include "engine/db.h"
#include "engine/vfs/file_system.h"
#include "pd/client/grpc/grpc_pd_client.h"
#include "proto/net/poller.h"
#include "raftstore/rpc/raft_network.h"
#include "raftstore/rpc/server.h"
#include "raftstore/store/store.h"
#include "raftstore/transport/transport.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

namespace nokv::serve {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(10);
constexpr int kTransportTicks = 10;  // So many of them to one of the transport's,
constexpr int kReportTicks = 100;    // and to a report.
constexpr absl::Duration kDrainTime = absl::Milliseconds(200);
constexpr absl::Duration kFirstAskPause = absl::Milliseconds(1);  // A driver that is there answers.
constexpr absl::Duration kAskPause = absl::Milliseconds(100);
constexpr absl::Duration kDiskTime = absl::Seconds(5);  // For a disk that may hang, at the end.
constexpr absl::Duration kPatience = absl::Seconds(5);  // Before it is said again what is awaited.

// The network's commands for the store.
class StoreHandler final : public rpc::KvHandler {
 public:
  explicit StoreHandler(store::Store& store) : store_(store) {}

  void Submit(kv::v1::Command command, rpc::KvDone done) override {
    store_.Submit(std::move(command), std::move(done));
  }

 private:
  store::Store& store_;
};

absl::Status NamedAfter(const std::string& directory, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      AbslView(fmt::format("{}: {}", directory, StdView(status.message()))));
}

// Opening for writing already writes: what may be another's is looked at first.
absl::Status CheckDirectory(Options options, const store::Options& store) {
  options.create_if_missing = false;
  options.read_only = true;
  options.background_work = false;
  const absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options);
  if (absl::IsNotFound(db.status())) return absl::OkStatus();  // It will be made.
  RETURN_IF_ERROR(db.status());
  return NamedAfter(options.directory, store::CheckOwner(**db, store.cluster_id, store.store_id));
}

absl::StatusOr<std::unique_ptr<DB>> OpenDatabase(const Settings& settings, RecoveryReport* report) {
  Options options;
  options.directory = settings.workdir;
  // The store syncs the log itself, once for all regions of a round, and acknowledges after that.
  // The database must not: the loop never waits for the disk.
  options.durability = Durability::kProcess;
  // Versions of keys are not collected yet, so little of what is written is ever dead: a tighter
  // target would have values moved and tables merged that are all alive.
  options.space_target = 2.0;
  options.memory_bytes = settings.memory_bytes;
  RETURN_IF_ERROR(CheckDirectory(options, settings.store));
  options.groups = true;
  return DB::Open(options, report);
}

// Until everything has run that `executor`, which has one thread, was given before.
void WaitFor(Executor& executor) {
  Mutex mutex;
  CondVar has_passed;
  bool is_over = false;
  executor.Submit(Priority::kLow, [&] {
    MutexLock lock(mutex);
    is_over = true;
    has_passed.SignalAll();
  });
  MutexLock lock(mutex);
  while (!is_over) has_passed.Wait(mutex);
}

class StoreProcess final : public Process {
 public:
  explicit StoreProcess(const Settings& settings)
      : settings_(settings),
        random_(EntropySeed()),
        loop_(NewThreadPool(1)),
        edge_(NewThreadPool(1)),
        disk_thread_(NewThreadPool(1)) {}

  ~StoreProcess() override { End(); }

  absl::Status Open(const ShouldStop& should_stop) {
    RecoveryReport report;
    ASSIGN_OR_RETURN(db_, OpenDatabase(settings_, &report));
    summary_.recovery_seconds = report.seconds;
    disk_ = std::make_unique<DiskWatch>([this] { return LookAtDisk(); }, *disk_thread_);
    disk_->Start();
    ASSIGN_OR_RETURN(const std::optional<store::Ident> ident, store::ReadIdent(*db_));
    pd_ = std::make_unique<pd::GrpcPdClient>(
        pd::GrpcPdOptions{.address = settings_.pd_address,
                          .cluster_id = ident ? ident->cluster_id : 0,
                          .timeout = settings_.pd_timeout},
        *edge_, clock_, poller_);
    settings_.store.cluster_id = ident ? ident->cluster_id : 0;
    if (!ident) {
      ASSIGN_OR_RETURN(settings_.store.cluster_id, LearnCluster(should_stop));
    }
    absl::StatusOr<std::unique_ptr<store::Store>> store =
        store::Store::Open(settings_.store, StoreSeams());
    if (!store.ok()) return NamedAfter(settings_.workdir, store.status());
    store_ = *std::move(store);
    RETURN_IF_ERROR(Bootstrap(should_stop));
    summary_.cluster_id = store_->ident().cluster_id;
    summary_.store_id = store_->ident().store_id;
    return absl::OkStatus();
  }

  Summary summary() const override { return summary_; }

  absl::Status Start() override {
    const store::Ident& ident = store_->ident();
    addresses_ = std::make_shared<Addresses>(ident.cluster_id, *pd_, clock_, settings_.addresses);
    ASSIGN_OR_RETURN(transport_, transport::Transport::Create({.cluster = ident.cluster_id,
                                                               .store = ident.store_id,
                                                               .incarnation = ident.incarnation},
                                                              {}, TransportSeams()));
    handler_.emplace(*store_);
    ASSIGN_OR_RETURN(
        server_,
        rpc::Server::Start(
            {.address = settings_.listen_address},
            {.handler = *handler_, .clock = clock_, .acceptor = transport_->acceptor()}, poller_));
    store_->Start();
    return StartAdmin();
  }

  absl::Status Run(const ShouldStop& should_stop) override {
    for (uint64_t tick = 0; !should_stop(); ++tick) {
      clock_.SleepFor(kTick);
      store_->Tick();
      if (tick % kTransportTicks == 0) transport_->Tick();
      if (tick % kReportTicks == 0) {
        AskForReport();
        WatchDisk();
      }
      MutexLock lock(mutex_);
      if (!failure_.ok()) return failure_;
    }
    server_->Drain(kDrainTime);
    return absl::OkStatus();
  }

 private:
  store::Seams StoreSeams() {
    return {.db = *db_,
            .loop = *loop_,
            .clock = clock_,
            .random = random_,
            .pd = *pd_,
            .send =
                [this](transport::StoreId to, std::vector<transport::Envelope> envelopes) {
                  if (!is_ending_) transport_->Send(to, std::move(envelopes));
                },
            .disk = [this] { return disk_->latest(); },
            .on_alarm = [](const std::string& text) { spdlog::error("{}", text); },
            .on_failure =
                [this](const absl::Status& why) {
                  MutexLock lock(mutex_);
                  failure_ = why;
                }};
  }

  transport::Seams TransportSeams() {
    return {.network = *network_,
            .resolver = *addresses_,
            .executor = *edge_,
            .clock = clock_,
            .inbox = *store_,
            .random = random_};
  }

  // Asks the placement driver until it answers.
  template <typename Response>
  absl::StatusOr<Response> Ask(std::string_view why, const ShouldStop& should_stop,
                               const std::function<void(pd::Done<Response>)>& call) {
    const auto last = std::make_shared<Answer<Response>>();
    absl::Duration waited = absl::ZeroDuration();
    absl::Duration pause = kFirstAskPause;
    absl::Duration complain_at = kPatience;
    while (!should_stop()) {
      if (!last->Take()) call([last](const auto& answer) { last->Set(answer); });
      clock_.SleepFor(pause);
      absl::StatusOr<Response> answer = last->Get();
      if (answer.ok()) return answer;
      waited += pause;
      pause = std::min(2 * pause, kAskPause);
      if (waited < complain_at) continue;
      complain_at += kPatience;
      spdlog::warn("waiting for the placement driver at {}, to learn {}: {}", settings_.pd_address,
                   why, StdView(answer.status().message()));
    }
    return absl::CancelledError("asked to end while waiting for the placement driver");
  }

  // The id of the cluster that the placement driver serves. A directory is of one cluster for ever,
  // so nothing is made in a new one before this is known.
  absl::StatusOr<uint64_t> LearnCluster(const ShouldStop& should_stop) {
    pd::v1::GetRegionByKeyRequest request;
    request.set_key("0");  // Any: the answer names the cluster.
    ASSIGN_OR_RETURN(
        const pd::v1::GetRegionByKeyResponse answer,
        Ask<pd::v1::GetRegionByKeyResponse>("which cluster this is", should_stop, [&](auto done) {
          pd_->GetRegionByKey(request, std::move(done));
        }));
    return answer.cluster_id();
  }

  // Regions that have changed since the cluster began are what they are by now. None is made before
  // all of them are known to be those of the cluster.
  absl::Status Bootstrap(const ShouldStop& should_stop) {
    ASSIGN_OR_RETURN(const std::vector<region::RegionMeta> present, store::ListRegions(*db_));
    std::map<region::RegionId, region::RegionEpoch> epochs;
    for (const region::RegionMeta& region : present) epochs[region.id] = region.epoch;
    for (const region::RegionMeta& region : settings_.regions) {
      if (!epochs.contains(region.id)) RETURN_IF_ERROR(CheckWithDriver(region, should_stop));
    }
    for (const region::RegionMeta& region : settings_.regions) {
      const auto found = epochs.find(region.id);
      if (found != epochs.end() && found->second > region.epoch) continue;
      RETURN_IF_ERROR(store_->Bootstrap(region));
      epochs[region.id] = region.epoch;
    }
    summary_.regions = epochs.size();
    return absl::OkStatus();
  }

  absl::Status CheckWithDriver(const region::RegionMeta& region, const ShouldStop& should_stop) {
    const pd::v1::ScanRegionsRequest request = NeighboursOf(region, store_->ident().cluster_id);
    ASSIGN_OR_RETURN(const pd::v1::ScanRegionsResponse neighbours,
                     Ask<pd::v1::ScanRegionsResponse>(
                         fmt::format("whether it knows another region {}", region.id), should_stop,
                         [&](auto done) { pd_->ScanRegions(request, std::move(done)); }));
    return NamedAfter(settings_.workdir, CheckNew(region, neighbours));
  }

  absl::StatusOr<store::DiskSpace> LookAtDisk() {
    ASSIGN_OR_RETURN(const uint64_t free, vfs::PosixFileSystem().FreeBytes(settings_.workdir));
    return store::DiskSpace{.capacity_bytes = free + db_->GetStats().disk_bytes,
                            .available_bytes = free};
  }

  void WatchDisk() {
    disk_->Start();
    const absl::Status status = disk_->status();
    if (!status.ok() && is_disk_known_) {
      spdlog::warn("how much room {} has is not known, and taken to be what it was: {}",
                   settings_.workdir, StdView(status.message()));
    }
    is_disk_known_ = status.ok();
  }

  void AskForReport() {
    store_->Inspect([this](const store::Report& report) {
      MutexLock lock(mutex_);
      report_ = report;
    });
  }

  store::Report LatestReport() {
    MutexLock lock(mutex_);
    return report_;
  }

  absl::Status StartAdmin() {
    metrics_.emplace(
        Sources{.report = [this] { return LatestReport(); }, .transport = *transport_, .db = *db_});
    if (!settings_.metrics_address) return absl::OkStatus();
    ASSIGN_OR_RETURN(admin_, daemon::AdminServer::Start(
                                 settings_.metrics_address->host, settings_.metrics_address->port,
                                 {.metrics = [this] { return daemon::ToPrometheusText(*metrics_); },
                                  .variables = [this] { return metrics_->ToJson(); },
                                  .readiness = [this] { return CheckReady(); }}));
    return absl::OkStatus();
  }

  absl::Status CheckReady() {
    const store::Report report = LatestReport();
    if (!report.is_admitted) {
      return UnavailableError("the placement driver at {} has not admitted this store yet",
                              settings_.pd_address);
    }
    if (!report.why_not_ready.empty()) return UnavailableError("{}", report.why_not_ready.front());
    for (const store::PeerStatus& peer : report.peers) {
      if (peer.leader == 0) {
        return UnavailableError("region {} has no leader as far as is known here", peer.region.id);
      }
    }
    return absl::OkStatus();
  }

  // Whoever calls goes before whom it calls. Nobody outside reaches the store any more, then it
  // does not reach the transport, then what the transport had under way has passed; then all may
  // go.
  void End() {
    admin_.reset();
    server_.reset();
    is_ending_ = true;
    if (transport_ != nullptr) transport_->Close();
    WaitFor(*loop_);
    WaitFor(*edge_);
    network_.reset();  // The last that it reports goes over the edge.
    WaitFor(*edge_);
    EndDiskThread();
    store_.reset();
    pd_.reset();
    transport_.reset();
    loop_.reset();
    edge_.reset();
    disk_thread_.reset();
  }

  // A disk that hangs never lets its thread go, nor the database that would be closed after it. So
  // the process ends as if it was killed, which loses nothing that was acknowledged.
  void EndDiskThread() {
    if (disk_ != nullptr && !disk_->EndsWithin(kDiskTime, clock_)) {
      spdlog::error("the disk of {} has not answered for {}: the process ends without closing it",
                    settings_.workdir, absl::FormatDuration(kDiskTime));
      spdlog::shutdown();
      std::_Exit(EXIT_FAILURE);
    }
    WaitFor(*disk_thread_);
  }

  // The latest answer of the placement driver.
  template <typename Response>
  class Answer {
   public:
    // Whether a call is under way; if not, the next one is.
    bool Take() {
      MutexLock lock(mutex_);
      return std::exchange(is_under_way_, true);
    }

    void Set(const absl::StatusOr<Response>& answer) {
      MutexLock lock(mutex_);
      is_under_way_ = false;
      answer_ = answer;
    }

    absl::StatusOr<Response> Get() {
      MutexLock lock(mutex_);
      return answer_;
    }

   private:
    Mutex mutex_;
    bool is_under_way_ ABSL_GUARDED_BY(mutex_) = false;
    absl::StatusOr<Response> answer_ ABSL_GUARDED_BY(mutex_) = UnavailableError("no answer");
  };

  Settings settings_;
  Summary summary_;
  Clock& clock_ = SystemClock();
  Random random_;

  std::unique_ptr<DB> db_;
  const std::shared_ptr<net::Poller> poller_ = net::Poller::OfServer();
  std::optional<rpc::RaftNetwork> network_{std::in_place, poller_};
  std::unique_ptr<Executor> loop_;  // The store's.
  std::unique_ptr<Executor> edge_;  // Takes the answers of the driver and the transport's work.
  std::unique_ptr<Executor> disk_thread_;
  std::unique_ptr<DiskWatch> disk_;
  bool is_disk_known_ = true;  // Of the program's own thread.
  std::unique_ptr<pd::GrpcPdClient> pd_;
  std::shared_ptr<Addresses> addresses_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<transport::Transport> transport_;
  std::optional<StoreHandler> handler_;
  std::unique_ptr<rpc::Server> server_;
  std::optional<Metrics> metrics_;
  std::unique_ptr<daemon::AdminServer> admin_;
  std::atomic<bool> is_ending_ = false;

  Mutex mutex_;
  store::Report report_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Open(const Settings& settings,
                                                       const ShouldStop& should_stop) {
  auto process = std::make_unique<StoreProcess>(settings);
  RETURN_IF_ERROR(process->Open(should_stop));
  return process;
}

}  // namespace nokv::serve
