#include "limit/chains.h"

namespace sipward::limit {

Chains::Index Chains::add(std::uint64_t hash) {
  Index link = freed_;
  if (link != 0)
    freed_ = next_[link - 1];
  else if (never_used_ < next_.size())
    link = ++never_used_;
  else
    return kNone;
  Index& head = heads_[chain_of(hash)];
  next_[link - 1] = head;
  head = link;
  return link - 1;
}

void Chains::remove(std::uint64_t hash, Index index) {
  Index* link = &heads_[chain_of(hash)];
  while (*link != index + 1) link = &next_[*link - 1];
  *link = next_[index];
  next_[index] = freed_;
  freed_ = index + 1;
}

}  // namespace sipward::limit
