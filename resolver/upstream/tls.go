package upstream

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tundns/stamp"
)

// tlsConfig returns what a connection to t is opened with: TLS 1.2 or later and
// a certificate for the host of the URL. DNS over TLS has no ALPN name of its own
// in RFC 7858, so protocols may be empty.
func (t *target) tlsConfig(protocols ...string) *tls.Config {
	c := &tls.Config{
		ServerName:         t.host,
		RootCAs:            t.roots,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         protocols,
		ClientSessionCache: tls.NewLRUClientSessionCache(1), // its key is the ServerName
	}
	if len(t.pins) == 0 {
		return c
	}
	c.InsecureSkipVerify = t.byAddress() // the pins vouch for it alone
	c.VerifyConnection = func(s tls.ConnectionState) error {
		chains := s.VerifiedChains
		if c.InsecureSkipVerify {
			var err error
			if chains, err = pinnedChains(s.PeerCertificates, t.pins); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool { return anyPinned(chain, t.pins) }) {
			return errPins
		}
		return nil
	}
	return c
}

var errPins = errors.New("the server has none of the pinned keys")

// pinnedChains verifies what a server presents with those certificates of it for
// authorities that are pinned: nothing else says that they belong together.
func pinnedChains(presented []*x509.Certificate, pins []pin) ([][]*x509.Certificate, error) {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	if !anyPinned(presented, pins) {
		return nil, errPins
	}
	for _, c := range presented {
		if anyPinned([]*x509.Certificate{c}, pins) {
			roots.AddCert(c)
		} else {
			others.AddCert(c)
		}
	}
	return presented[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others})
}

// pin is the SHA-256 of a part of a certificate.
type pin struct {
	signed bool // of its TBSCertificate, else of its SubjectPublicKeyInfo
	digest [sha256.Size]byte
}

const pinPrefix = "sha256/"

func parsePins(texts []string) ([]pin, error) {
	var pins []pin
	for _, text := range texts {
		encoded, signed := strings.CutPrefix(text, stamp.HashPrefix)
		if !signed {
			encoded = strings.TrimPrefix(text, pinPrefix)
		}
		digest, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(digest) != sha256.Size || encoded == text {
			return nil, fmt.Errorf("pin %q is not %s and the base64 form of 32 bytes", text, pinPrefix)
		}
		pins = append(pins, pin{signed, [sha256.Size]byte(digest)})
	}
	return pins, nil
}

func anyPinned(chain []*x509.Certificate, pins []pin) bool {
	return slices.ContainsFunc(chain, func(c *x509.Certificate) bool {
		return slices.Contains(pins, pin{false, sha256.Sum256(c.RawSubjectPublicKeyInfo)}) ||
			slices.Contains(pins, pin{true, sha256.Sum256(c.RawTBSCertificate)})
	})
}
