package wgquick

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// FuzzParse puts a key into the input and looks for three things: no panic; errors that
// lie in the file, ascend and do not show the key; a Config that keeps its promises.
func FuzzParse(f *testing.F) {
	head := "[Interface]\nPrivateKey=" + secret + "\n"
	peer := head + "[Peer]\nPublicKey=" + public + "\n"
	f.Add(full, "", 44, "")
	f.Add("[Interface]\nPrivateKey = ", "", 44, "\nAddress = 10.0.0.2/24\nMTU=1420\n[Peer]\nPublicKey="+public+"\nAllowedIPs=10.0.0.0/8, ::/1")
	f.Add(peer+"PresharedKey = ", "", 44, "\nAllowedIPs = 10.0.0.0/24, fd00::/8\nEndpoint = vpn.example.com:51820\nPersistentKeepalive=25\n")
	f.Add(head+"[Peer]\r\nPublicKey=", "", 44, "\r\nEndpoint=[2001:db8::1]:1\r\n")
	f.Add(head+"Address = ", " ", 11, "/24")
	f.Add("\ufeff[Interface]\nPrivateKey ", "\n", 21, "=\nPostUp = x # y\n")
	f.Add(peer+"Endpoint = [", "=", 4, "]:51820")
	f.Add("[", ".", 30, "]\nDNS=9.9.9.9\nTable=auto\nFwMark=0xca6c\n")
	f.Fuzz(func(t *testing.T, before, between string, cut int, after string) {
		cut = min(max(0, cut), len(psk))
		data := []byte(before + psk[:cut] + between + psk[cut:] + after)
		kept := bytes.Clone(data)
		c, err := Parse("f", data)
		if !bytes.Equal(data, kept) {
			t.Fatal("the input was changed")
		}
		if err == nil {
			checkConfig(t, c)
			return
		}
		checkErrors(t, data, err)
		if strings.Contains(before+between+after, psk[:secretRun]) {
			return
		}
		if piece := leak(err.Error(), psk); piece != "" {
			t.Fatalf("the error shows %q: %v", piece, err)
		}
	})
}

func checkErrors(t *testing.T, data []byte, err error) {
	t.Helper()
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 || len(errs) > maxErrors {
		t.Fatalf("%T with %d errors", err, len(errs))
	}
	last := 1
	for _, e := range errs {
		if e.Line < last || e.Line > 1+bytes.Count(data, []byte("\n")) {
			t.Fatalf("line %d after %d, out of %d lines", e.Line, last, 1+bytes.Count(data, []byte("\n")))
		}
		last = e.Line
		if e.Message == "" || strings.ContainsAny(e.Message, "\r\n\x00\x1b") {
			t.Fatalf("message %q", e.Message)
		}
	}
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	if c.PrivateKey.IsZero() || c.MTU != 0 && (c.MTU < minMTU || c.MTU > maxMTU) || c.ListenPort < 0 || c.ListenPort > 65535 {
		t.Fatalf("%+v", c)
	}
	networks := map[netip.Prefix]bool{}
	keys := map[Key]bool{c.PrivateKey.Public(): true}
	for _, p := range c.Peers {
		if p.PublicKey.IsZero() || keys[p.PublicKey] || p.PersistentKeepalive < 0 || p.PersistentKeepalive > maxKeepalive {
			t.Fatalf("%+v", p)
		}
		keys[p.PublicKey] = true
		for _, prefix := range p.AllowedIPs {
			if !prefix.IsValid() || prefix != prefix.Masked() || prefix.Bits() == 0 || networks[prefix] {
				t.Fatalf("%+v", p)
			}
			networks[prefix] = true
		}
	}
	text, err := c.UAPI(func(e Endpoint) (netip.AddrPort, error) {
		if e.Port == 0 || e.Host == "" {
			t.Fatalf("endpoint %+v", e)
		}
		return netip.AddrPortFrom(netip.IPv6Loopback(), e.Port), nil
	})
	if err != nil || !strings.HasSuffix(text, "\n") {
		t.Fatalf("UAPI: %v, %q", err, text)
	}
}
