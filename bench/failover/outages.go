package main

// mode is how a server behaves.
type mode int32

const (
	well      mode = iota
	silent         // takes queries and says nothing
	refused        // the port is closed
	resets         // every connection is reset
	badTLS         // the certificate is nobody's that is trusted
	status5xx      // HTTP 503
	servfail       // rcode SERVFAIL
	slow           // answers 2 s later
)

// outage is a way to die.
type outage struct {
	name      string
	mode      mode
	encrypted bool // over HTTPS, as plain DNS cannot fail in this way
}

var outages = []outage{
	{"black-holed", silent, false},
	{"refused", refused, false},
	{"SERVFAIL", servfail, false},
	{"slow by 2s", slow, false},
	{"black-holed (HTTPS)", silent, true},
	{"resetting (HTTPS)", resets, true},
	{"TLS broken (HTTPS)", badTLS, true},
	{"5xx (HTTPS)", status5xx, true},
}
