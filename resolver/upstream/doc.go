// Package upstream exchanges DNS queries with the servers that tundns forwards
// to.
//
// A Transport speaks to one server over one protocol: plain UDP (with TCP for
// what does not fit), plain TCP, or DNS over TLS, QUIC, or HTTPS by HTTP/2 or
// HTTP/3. Queries to encrypted servers are padded; those over UDP have DNS
// cookies. A Group puts several transports in order and makes one dependable
// server of them:
//
//   - The first server is asked: the first one given, or with Fastest the one that
//     has been answering soonest; the others' speed is learnt from copies of one
//     or two queries in a hundred. The next one is asked when the first has
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
// well-formed message with QR set whose question is the one asked. Servers
// that are given by name carry their addresses, or have a Bootstrap find them;
// the system's resolver is never asked.
//
// All types are safe for concurrent use.
package upstream
