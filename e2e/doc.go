// Package e2e holds the tests of the whole: the tundns binary, run as a person
// runs it, in network namespaces made for the purpose, with the servers, the
// clients and the tools of the world around it: unbound, nsd, named, dnsdist and
// CoreDNS over every transport they have; dig, kdig, drill, delv and the stub
// resolvers of libc, Go and Python; wireguard-go, iperf3 and promtool.
//
// The tests run on Linux, as root or as a user who may make user namespaces.
// They never touch the machine's own network: the test binary starts itself
// again in a mount, PID and network namespace of its own, every host of a
// scenario is one more network namespace, and all of them end with the process
// that made them. Where a tool, /dev/net/tun or the right to make namespaces is
// missing, the tests are skipped and say which, or fail when CI=true. CoreDNS is
// built from e2e/coredns, a module of its own, before the tests run: the first
// time takes the module proxy and about a minute.
//
//	go test ./e2e/                        the binary as it is released
//	go test -race ./e2e/                  the same scenarios, a race-detecting binary
//	TUNDNS_E2E_RACE=1 go test ./e2e/      the same, with tests built as usual
//	TUNDNS_LISTS=DIR go test ./e2e/       also blocks from the public lists in DIR
package e2e
