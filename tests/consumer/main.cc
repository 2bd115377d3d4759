#include <engine/db.h>
#include <iostream>

int main() {
  auto db = nokv::DB::Open({.directory = "./workdir-demo"});
  if (!db.ok()) {
    std::cerr << "open failed: " << db.status() << "\n";
    return 1;
  }
  if (auto status = (*db)->Set("hello", "world"); !status.ok()) {
    std::cerr << "set failed: " << status << "\n";
    return 1;
  }
  auto value = (*db)->Get("hello");  // A status, and in it a value that may be absent.
  if (!value.ok()) {
    std::cerr << "get failed: " << value.status() << "\n";
    return 1;
  }
  std::cout << "value=" << value->value_or("(absent)") << "\n";
}
