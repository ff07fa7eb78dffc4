package blocklists

import (
	"bytes"

	"tundns/dnswire"
)

// Reply is the answer that a rule prescribes in place of the client group's.
// Replies are shared by rules and not to be changed.
//
// With a CNAME the answer is that record and what its target leads to. Otherwise
// it is Rcode with the records of the type asked for; NOERROR without one is
// NODATA.
type Reply struct {
	Drop    bool // no answer at all (the DROP action of RPZ)
	Rcode   int
	CNAME   dnswire.Name // "" for none
	Records []Record
}

// Record is one record of a Reply. Its owner is the name asked for.
type Record struct {
	Type uint16
	Data []byte // in wire form, names in it uncompressed
}

// joins reports whether the records of r and other can be given together.
func (r *Reply) joins(other *Reply) bool {
	prescribes := func(r *Reply) bool {
		return r != nil && !r.Drop && r.CNAME == "" && len(r.Records) > 0
	}
	return prescribes(r) && prescribes(other) && r.Rcode == other.Rcode
}

func (r Record) equal(other Record) bool {
	return r.Type == other.Type && bytes.Equal(r.Data, other.Data)
}
