package cache

import (
	"encoding/binary"
	"time"

	"tundns/dnswire"
)

const (
	// MaxTTL is a day: what is older was seldom meant to be, and a ghost of a
	// moved domain ends by then (RFC 8767 section 4 suggests a cap of days).
	MaxTTL = 24 * time.Hour
	// maxNegativeTTL caps NXDOMAIN and NODATA; RFC 2308 section 5 calls one to
	// three hours sensible.
	maxNegativeTTL = time.Hour
	// MinFailureTTL is how long a failure is remembered; each further one in a
	// row doubles that, up to MaxFailureTTL. RFC 9520 section 3.2 asks for one
	// second at least and for growing intervals; it and RFC 2308 section 7 allow
	// five minutes, but a person who retries expects seconds.
	MinFailureTTL = time.Second
	// MaxFailureTTL bounds MinFailureTTL's doubling.
	MaxFailureTTL = 5 * time.Second
)

// classify says of which kind a reply to k is and for how long it may be kept.
// 0 means not at all: cut short (TC), TTL 0, or neither an answer nor a denial
// with the SOA that RFC 2308 section 5 demands.
func classify(k Key, msg []byte) (Kind, time.Duration) {
	if dnswire.Flags(msg)&dnswire.FlagTC != 0 {
		return 0, 0
	}
	rcode := dnswire.Rcode(msg)
	if rcode != dnswire.RcodeSuccess && rcode != dnswire.RcodeNameError {
		return Failure, MinFailureTTL
	}
	var (
		answered bool
		shortest uint32
		any      bool
		soa      uint32
		hasSOA   bool
	)
	for it := dnswire.NewRecords(msg); it.Next(); {
		rr := &it.RR
		if rr.Type == dnswire.TypeOPT {
			continue
		}
		if !any || rr.TTL < shortest {
			shortest, any = rr.TTL, true
		}
		if rr.Section == dnswire.Authority && rr.Type == dnswire.TypeSOA && rr.End-rr.Data >= 22 {
			soa, hasSOA = min(rr.TTL, binary.BigEndian.Uint32(msg[rr.End-4:])), true
		}
	}
	if rcode == dnswire.RcodeSuccess {
		answered = answers(msg, k.Name, k.Type)
	}
	if answered {
		return Positive, min(time.Duration(shortest)*time.Second, MaxTTL)
	}
	if !hasSOA {
		return 0, 0
	}
	return Negative, min(time.Duration(min(shortest, soa))*time.Second, maxNegativeTTL)
}

// answers reports whether msg holds records of type typ for name or for what its
// CNAMEs lead to.
func answers(msg []byte, name dnswire.Name, typ uint16) bool {
	names := dnswire.Chain(msg, name)
	for it := dnswire.NewRecords(msg); it.Next() && it.RR.Section == dnswire.Answer; {
		if it.RR.Type != typ && typ != dnswire.TypeANY {
			continue
		}
		for _, n := range names {
			if dnswire.IsName(msg, it.RR.Owner, n) {
				return true
			}
		}
	}
	return false
}

// denies reports whether msg says that the name of its question does not exist.
// Behind a CNAME the NXDOMAIN is the target's.
func denies(msg []byte) bool {
	return dnswire.Rcode(msg) == dnswire.RcodeNameError && dnswire.Count(msg, dnswire.Answer) == 0
}
