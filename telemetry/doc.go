// Package telemetry holds tundns's metrics and serves them in the Prometheus
// text format.
//
// Every metric is declared here once, with its help and its labels, so that the
// set can be read in one place. Labels are bounded: transport, qtype with
// "other", outcome, rcode, kind, list, upstream, result, direction, fate,
// reason. Never a domain, a rule or a client's address.
//
// What happens is counted by the methods of Metrics. What other packages count
// themselves is read when somebody asks for the metrics, by the functions given
// to Sample.
package telemetry
