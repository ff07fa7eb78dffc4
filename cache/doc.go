// Package cache keeps DNS answers.
//
// Messages is the message cache: replies as upstreams gave them, in wire form,
// before any policy, keyed by what was asked. It follows RFC 2308 for negative
// answers, RFC 8020 for the names under one that does not exist, RFC 9520 for
// failures and RFC 8767 for stale ones. Everything is bounded by bytes. Messages
// are immutable: a hit hands out a fresh copy with aged TTLs, so that no two
// answers ever share memory. A snapshot takes the answers over a restart, as stale
// ones.
package cache
