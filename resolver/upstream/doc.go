// Package upstream exchanges DNS queries with the servers that tundns forwards
// to.
//
// A Transport speaks to one server over one protocol: plain UDP (with TCP for
// what does not fit), plain TCP, or DNS over HTTPS. A Group puts several
// transports in order and makes one dependable server of them:
//
//   - The first server is asked. The next one is asked when the first has
//     failed, or has been silent for longer than it is in 95 of 100 cases: a
//     hedge, not a race of everything.
//   - An rcode is an answer. NXDOMAIN and NODATA are final. SERVFAIL and
//     REFUSED are final only with an Extended DNS Error that says that
//     validation failed; otherwise the next server is asked, and the best such
//     reply is what is left when no server has a better one.
//   - A server that fails, or that another one has overtaken, goes to the end
//     of the order at once. From then on one copy of a client's query at a time
//     probes it, and its first good answer puts it back in its place. Nothing
//     is ever sent while no client asks.
//   - A query ends within Budget, whatever the servers do.
//
// Every reply has been checked before it leaves this package: it is a whole,
// well-formed message with QR set whose question is the one asked. Host names
// are never resolved here: a Server that is given by name carries its addresses.
//
// All types are safe for concurrent use.
package upstream
