#include "raftstore/transport/handshake.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv::transport {

std::string EncodeHello(const Hello& hello) {
  std::string out;
  PutVarint(out, hello.to);
  out.push_back(static_cast<char>(hello.lane));
  out.push_back(static_cast<char>(hello.version_min));
  out.push_back(static_cast<char>(hello.version_max));
  return out;
}

std::string EncodeWelcome(const Welcome& welcome) {
  std::string out;
  PutVarint(out, welcome.to);
  out.push_back(static_cast<char>(welcome.version));
  return out;
}

std::string EncodeRefusal(const absl::Status& why) {
  NOKV_CHECK(!why.ok());
  std::string out;
  out.push_back(static_cast<char>(why.code()));
  out += StdView(why.message()).substr(0, kReasonBytesMax);
  return out;
}

absl::StatusOr<Hello> DecodeHello(std::string_view metadata) {
  Hello hello;
  Decoder in(metadata);
  uint8_t lane = 0;
  if (!in.Varint(&hello.to) || !in.Fixed(&lane) || !in.Fixed(&hello.version_min) ||
      !in.Fixed(&hello.version_max) || !in.done()) {
    return DataLossError("a hello of {} bytes is none", metadata.size());
  }
  if (lane > static_cast<uint8_t>(Lane::kSnapshot)) {
    return DataLossError("a hello for the unknown lane {}", lane);
  }
  hello.lane = static_cast<Lane>(lane);
  return hello;
}

absl::StatusOr<Welcome> DecodeWelcome(std::string_view metadata) {
  Welcome welcome;
  Decoder in(metadata);
  if (!in.Varint(&welcome.to) || !in.Fixed(&welcome.version) || !in.done()) {
    return DataLossError("a welcome of {} bytes is none", metadata.size());
  }
  return welcome;
}

absl::Status DecodeRefusal(std::string_view metadata) {
  const auto code = metadata.empty() ? 0 : static_cast<unsigned char>(metadata[0]);
  if (code == 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated) ||
      metadata.size() > 1 + kReasonBytesMax) {
    return DataLossError("a refusal of {} bytes with code {} is none", metadata.size(), code);
  }
  return absl::Status(static_cast<absl::StatusCode>(code), AbslView(metadata.substr(1)));
}

absl::Status CheckAnswer(const ReceivedFrame& answer, const Identity& self, StoreId expected) {
  const FrameHeader& header = answer.header;
  if (header.kind == FrameKind::kRefusal) {
    const absl::Status why = DecodeRefusal(answer.metadata());
    const auto text = fmt::format("store {} refused: {}", header.store, StdView(why.message()));
    return absl::Status(why.code(), AbslView(text));
  }
  if (header.kind != FrameKind::kWelcome) {
    return DataLossError("store {} answered a hello with a frame of kind {}", header.store,
                         static_cast<int>(header.kind));
  }
  if (header.cluster != self.cluster) {
    return FailedPreconditionError("store {} is of cluster {:016x}, this one of {:016x}",
                                   header.store, header.cluster, self.cluster);
  }
  if (header.store != expected) {
    return FailedPreconditionError("store {} answered where store {} was called", header.store,
                                   expected);
  }
  ASSIGN_OR_RETURN(const Welcome welcome, DecodeWelcome(answer.metadata()));
  if (welcome.to != self.store) {
    return FailedPreconditionError("store {} welcomed store {}, this is {}", header.store,
                                   welcome.to, self.store);
  }
  if (welcome.version != kVersion) {
    return UnimplementedError("store {} chose version {}, this one speaks {}", header.store,
                              welcome.version, kVersion);
  }
  return absl::OkStatus();
}

}  // namespace nokv::transport
