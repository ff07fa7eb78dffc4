package policy

import (
	"fmt"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// typeName returns the name of a record type, TYPE123 (RFC 3597 section 5) for
// one that has none here.
func typeName(typ uint16) string {
	if name, ok := dns.TypeToString[typ]; ok {
		return name
	}
	return fmt.Sprintf("TYPE%d", typ)
}

// checkBlockedType reports whether blocking typ would change anything.
func checkBlockedType(typ uint16) error {
	switch {
	case typ == dnswire.TypeANY:
		return fmt.Errorf("type ANY cannot be blocked: it is always answered with one HINFO record (RFC 8482)")
	case typ == 0, typ == dnswire.TypeOPT, typ >= 128 && typ <= 255: // RFC 6895 section 3.1
		return fmt.Errorf("type %s cannot be blocked: it is no type of records", typeName(typ))
	}
	return nil
}
