// Package resolver answers DNS queries: a pipeline of stages over a message
// cache, a policy and upstream groups, and a server that feeds it from any
// net.PacketConn and net.Listener.
//
// Messages travel through the pipeline in wire form. An upstream's answer is
// checked, freed of what was not asked for and then passed on bit by bit; only
// answers of our own are built from records.
//
// The upstream group that is asked depends on the name (Routes): the default one,
// or one for some domains, whose failure is nobody else's business.
//
// A query that can be read is answered, never dropped in silence unless a rule of
// the user's says so: malformed with FORMERR, unsupported with NOTIMP or REFUSED,
// upstream trouble with SERVFAIL and an Extended DNS Error (RFC 8914), overload with
// SERVFAIL.
package resolver
