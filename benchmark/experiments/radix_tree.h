// An adaptive radix tree over keys of one length (Leis et al., ICDE 2013), for E4 only.
//
// Holds pointers to keys, which must stay in place. A node has room for 4, 16, 48 or 256 children
// and the bytes that all keys below it share; a child is a node or, marked by its top bit, a key.
//
// Thread-safety: none.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace nokv::bench {

class RadixTree {
 public:
  explicit RadixTree(size_t key_bytes) : key_bytes_(key_bytes) {}

  // Requires that the key is not there yet.
  void Insert(std::string_view key) { Insert(&root_, key, 0); }

  // The key as inserted, or null.
  const char* Find(std::string_view key) const {
    Child at = root_;
    size_t depth = 0;
    while (at != 0 && !IsKey(at)) {
      Node* node = ToNode(at);
      if (std::memcmp(node->prefix, key.data() + depth, node->prefix_bytes) != 0) return nullptr;
      depth += node->prefix_bytes;
      const Child* child = FindChild(node, static_cast<uint8_t>(key[depth]));
      if (child == nullptr) return nullptr;
      at = *child;
      ++depth;
    }
    if (at == 0 || std::memcmp(ToKey(at), key.data(), key_bytes_) != 0) return nullptr;
    return ToKey(at);
  }

  // Visits at most `rows` keys from `first` on, in order.
  template <typename Visitor>
  void Scan(std::string_view first, int rows, Visitor&& visit) const {
    if (root_ != 0) ScanBelow(root_, first, 0, /*bounded=*/true, rows, visit);
  }

  size_t memory_bytes() const { return memory_bytes_; }

 private:
  using Child = uint64_t;
  static constexpr Child kKeyMark = uint64_t{1} << 63;
  static constexpr size_t kPrefixBytesMax = 24;

  struct Node {
    uint16_t capacity;  // 4, 16, 48 or 256.
    uint16_t count = 0;
    uint8_t prefix_bytes = 0;
    char prefix[kPrefixBytesMax] = {};
    // 4 and 16: the sorted bytes, one to a child. 48: of 256 bytes, the child's place plus one.
    // 256: nothing.
    std::vector<uint8_t> bytes;
    std::vector<Child> children;
  };

  static bool IsKey(Child child) { return (child & kKeyMark) != 0; }

  static const char* ToKey(Child child) { return reinterpret_cast<const char*>(child & ~kKeyMark); }

  static Node* ToNode(Child child) { return reinterpret_cast<Node*>(child); }

  static Child FromKey(std::string_view key) {
    return reinterpret_cast<Child>(key.data()) | kKeyMark;
  }

  Node* NewNode(uint16_t capacity) {
    nodes_.push_back(std::make_unique<Node>());
    Node* node = nodes_.back().get();
    node->capacity = capacity;
    node->bytes.resize(capacity <= 16 ? capacity : capacity == 48 ? 256 : 0);
    node->children.resize(capacity);
    memory_bytes_ += sizeof(Node) + node->bytes.size() + node->children.size() * sizeof(Child);
    return node;
  }

  static size_t Position(const Node* node, uint8_t byte) {  // Of the first byte >= `byte`.
    size_t at = 0;
    while (at < node->count && node->bytes[at] < byte) ++at;
    return at;
  }

  static Child* FindChild(Node* node, uint8_t byte) {
    if (node->capacity <= 16) {
      const size_t at = Position(node, byte);
      return at < node->count && node->bytes[at] == byte ? &node->children[at] : nullptr;
    }
    if (node->capacity == 48) {
      return node->bytes[byte] == 0 ? nullptr : &node->children[node->bytes[byte] - size_t{1}];
    }
    return node->children[byte] == 0 ? nullptr : &node->children[byte];
  }

  // Requires room for it.
  static void AddChild(Node* node, uint8_t byte, Child child) {
    if (node->capacity <= 16) {
      const size_t at = Position(node, byte);
      for (size_t i = node->count; i > at; --i) {
        node->bytes[i] = node->bytes[i - 1];
        node->children[i] = node->children[i - 1];
      }
      node->bytes[at] = byte;
      node->children[at] = child;
    } else if (node->capacity == 48) {
      node->children[node->count] = child;
      node->bytes[byte] = static_cast<uint8_t>(node->count + 1);
    } else {
      node->children[byte] = child;
    }
    ++node->count;
  }

  // In ascending order of the bytes from `from` on, until `visit` returns false.
  template <typename Visitor>
  static void ForEachChild(Node* node, int from, Visitor&& visit) {
    if (node->capacity <= 16) {
      for (size_t i = Position(node, static_cast<uint8_t>(from)); i < node->count; ++i) {
        if (!visit(node->bytes[i], node->children[i])) return;
      }
      return;
    }
    for (int byte = from; byte < 256; ++byte) {
      const Child* child = FindChild(node, static_cast<uint8_t>(byte));
      if (child != nullptr && !visit(static_cast<uint8_t>(byte), *child)) return;
    }
  }

  Node* Grow(Node* node) {
    Node* larger = NewNode(node->capacity == 4 ? 16 : node->capacity == 16 ? 48 : 256);
    larger->prefix_bytes = node->prefix_bytes;
    std::memcpy(larger->prefix, node->prefix, sizeof(node->prefix));
    ForEachChild(node, 0, [&](uint8_t byte, Child child) {
      AddChild(larger, byte, child);
      return true;
    });
    memory_bytes_ -= sizeof(Node) + node->bytes.size() + node->children.size() * sizeof(Child);
    node->bytes = {};
    node->children = {};
    return larger;
  }

  static size_t CommonBytes(const char* a, const char* b, size_t size) {
    size_t common = 0;
    while (common < size && a[common] == b[common]) ++common;
    return common;
  }

  void Insert(Child* slot, std::string_view key, size_t depth) {
    if (*slot == 0) {
      *slot = FromKey(key);
      return;
    }
    if (IsKey(*slot)) {
      const char* other = ToKey(*slot);
      const size_t common = CommonBytes(other + depth, key.data() + depth, key_bytes_ - depth);
      *slot = Fork(key, depth, common, static_cast<uint8_t>(other[depth + common]), *slot);
      return;
    }
    Node* node = ToNode(*slot);
    const size_t common = CommonBytes(node->prefix, key.data() + depth, node->prefix_bytes);
    if (common < node->prefix_bytes) {
      const auto byte = static_cast<uint8_t>(node->prefix[common]);
      node->prefix_bytes = static_cast<uint8_t>(node->prefix_bytes - common - 1);
      std::memmove(node->prefix, node->prefix + common + 1, node->prefix_bytes);
      *slot = Fork(key, depth, common, byte, *slot);
      return;
    }
    depth += node->prefix_bytes;
    const auto byte = static_cast<uint8_t>(key[depth]);
    if (Child* child = FindChild(node, byte)) return Insert(child, key, depth + 1);
    if (node->count == node->capacity) {
      node = Grow(node);
      *slot = reinterpret_cast<Child>(node);
    }
    AddChild(node, byte, FromKey(key));
  }

  // A node for two: what was there, below `byte`, and the new key.
  Child Fork(std::string_view key, size_t depth, size_t common, uint8_t byte, Child was_there) {
    Node* node = NewNode(4);
    node->prefix_bytes = static_cast<uint8_t>(common);
    std::memcpy(node->prefix, key.data() + depth, common);
    AddChild(node, byte, was_there);
    AddChild(node, static_cast<uint8_t>(key[depth + common]), FromKey(key));
    return reinterpret_cast<Child>(node);
  }

  // `bounded`: the path so far equals the beginning of `first`.
  template <typename Visitor>
  void ScanBelow(Child at, std::string_view first, size_t depth, bool bounded, int& rows,
                 Visitor&& visit) const {
    if (IsKey(at)) {
      if (bounded && std::memcmp(ToKey(at), first.data(), key_bytes_) < 0) return;
      visit(ToKey(at));
      --rows;
      return;
    }
    Node* node = ToNode(at);
    if (bounded) {
      const int order = std::memcmp(node->prefix, first.data() + depth, node->prefix_bytes);
      if (order < 0) return;
      bounded = order == 0;
    }
    depth += node->prefix_bytes;
    const int from = bounded ? static_cast<uint8_t>(first[depth]) : 0;
    ForEachChild(node, from, [&](uint8_t byte, Child child) {
      ScanBelow(child, first, depth + 1, bounded && byte == from, rows, visit);
      return rows > 0;
    });
  }

  const size_t key_bytes_;
  Child root_ = 0;
  size_t memory_bytes_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace nokv::bench
