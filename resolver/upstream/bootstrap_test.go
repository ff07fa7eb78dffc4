package upstream

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

var testHost = dnswire.MustName(upstreamtest.Name)

// locates replies with addresses of both families for any name.
func locates(ttl uint32, addrs ...string) func([]byte) []byte {
	return func(query []byte) []byte {
		q, _, _ := dnswire.ReadQuestion(query)
		m := head(query, 0)
		n := 0
		for _, text := range addrs {
			if a := netip.MustParseAddr(text); a.Is4() == (q.Type == dnswire.TypeA) {
				m = dnswire.AppendRR(m, q.Name, q.Type, dnswire.ClassIN, ttl, a.AsSlice())
				n++
			}
		}
		dnswire.SetCount(m, dnswire.Answer, n)
		return m
	}
}

func addrsOf(texts ...string) (list []netip.Addr) {
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func TestBootstrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFake("server", after(20*time.Millisecond, locates(300, "2001:db8::1", "192.0.2.1", "192.0.2.2")))
		seen := new(recorder)
		b := NewBootstrap(BootstrapOptions{Transports: []Transport{server}, Observer: seen})
		defer b.Close()
		expect := func(asked int64, addrs ...string) {
			t.Helper()
			got, err := b.Find(t.Context(), testHost)
			synctest.Wait()
			if err != nil || !slices.Equal(got, addrsOf(addrs...)) || server.asked.Load() != asked {
				t.Errorf("%v, %v after %d queries", got, err, server.asked.Load())
			}
		}
		expect(2, "192.0.2.1", "192.0.2.2", "2001:db8::1")
		time.Sleep(299 * time.Second)
		expect(2, "192.0.2.1", "192.0.2.2", "2001:db8::1")
		server.become(after(20*time.Millisecond, locates(1, "192.0.2.3")))
		time.Sleep(2 * time.Second)
		expect(4, "192.0.2.1", "192.0.2.2", "2001:db8::1") // at once, while it is asked
		time.Sleep(time.Second)
		expect(4, "192.0.2.3")
		time.Sleep(minRefresh - 3*time.Second)
		expect(4, "192.0.2.3") // whatever the TTL
		server.become(silent)
		time.Sleep(3 * time.Second)
		expect(6, "192.0.2.3")
		time.Sleep(Budget + firstRetry/2)
		expect(6, "192.0.2.3") // the last good one, and no query before its time
		if n := seen.count("bootstrap server ok"); n != 4 {
			t.Errorf("the observer has heard of %d queries: %v", n, seen.results)
		}
	})
}

// TestBootstrapBackoff: while there is no address, queries become rare, and those
// who come in between hear of the last failure at once.
func TestBootstrapBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFake("server", fails(errors.New("broken")))
		b := NewBootstrap(BootstrapOptions{Transports: []Transport{server}})
		defer b.Close()
		for i, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, maxRetry, maxRetry} {
			for _, pause := range []time.Duration{0, wait - time.Millisecond} {
				time.Sleep(pause)
				if _, err := b.Find(t.Context(), testHost); err == nil || !strings.Contains(err.Error(), "where is dns.test") {
					t.Fatalf("%v", err)
				}
				if n := server.asked.Load(); n != int64(2*(i+1)) {
					t.Fatalf("%d queries, round %d", n, i)
				}
			}
			time.Sleep(time.Millisecond)
		}
		server.become(after(0, locates(60, "192.0.2.1")))
		if got, err := b.Find(t.Context(), testHost); err != nil || len(got) != 1 {
			t.Errorf("%v, %v after its return", got, err)
		}
	})
}

// TestBootstrapAnswers: what is an address of the server and what is not.
func TestBootstrapAnswers(t *testing.T) {
	other := dnswire.MustName("other.example")
	for name, tt := range map[string]struct {
		reply func(query []byte) []byte
		want  []netip.Addr
	}{
		"NXDOMAIN":   {nxdomain, nil},
		"no address": {func(q []byte) []byte { return head(q, 0) }, nil},
		"not a server's": {locates(60, "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "10.30.30.30", "192.0.2.1", "::ffff:192.0.2.2"),
			addrsOf("192.0.2.1", "192.0.2.2")},
		"too many": {locates(60, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9"),
			addrsOf("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8")},
		"another name's": {func(q []byte) []byte {
			m := dnswire.AppendRR(head(q, 0), other, dnswire.TypeA, dnswire.ClassIN, 60, []byte{192, 0, 2, 9})
			dnswire.SetCount(m, dnswire.Answer, 1)
			return m
		}, nil},
		"by CNAME": {func(q []byte) []byte {
			m := dnswire.AppendRR(head(q, 0), other, dnswire.TypeA, dnswire.ClassIN, 60, []byte{192, 0, 2, 9})
			m = dnswire.AppendRR(m, testHost, dnswire.TypeCNAME, dnswire.ClassIN, 60, []byte(other))
			dnswire.SetCount(m, dnswire.Answer, 2)
			return m
		}, addrsOf("192.0.2.9")},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBootstrap(BootstrapOptions{Transports: []Transport{newFake("server", after(0, tt.reply))}, Own: addrsOf("10.30.30.30")})
			defer b.Close()
			got, err := b.Find(t.Context(), testHost)
			if !slices.Equal(got, tt.want) || (err == nil) != (len(tt.want) > 0) {
				t.Errorf("%v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// TestBootstrapFile: the last good addresses outlive the program, for its owner
// alone, and serve until there are newer ones.
func TestBootstrapFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "addresses.json")
	start := func(s script) *Bootstrap {
		t.Helper()
		return NewBootstrap(BootstrapOptions{
			Transports: []Transport{newFake("server", s)}, File: path, Own: addrsOf("10.30.30.30"),
			Trouble: func(err error) { t.Error(err) },
		})
	}
	b := start(after(0, locates(300, "192.0.2.1", "2001:db8::1")))
	if _, err := b.Find(t.Context(), testHost); err != nil {
		t.Fatal(err)
	}
	b.Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	b = start(silent)
	got, err := b.Find(t.Context(), testHost)
	if err != nil || !slices.Equal(got, addrsOf("192.0.2.1", "2001:db8::1")) {
		t.Errorf("%v, %v from the file", got, err)
	}
	b.Close()
	if err := os.WriteFile(path, []byte(`{"version":1,"addresses":{"dns.test":["10.30.30.30"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b = start(fails(errors.New("broken")))
	if got, err := b.Find(t.Context(), testHost); err == nil {
		t.Errorf("%v, which is ourselves", got)
	}
	b.Close()
}

func TestBootstrapBadFile(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"empty":   "",
		"version": `{"version":2,"addresses":{}}`,
		"address": `{"version":1,"addresses":{"a.example":["x"]}}`,
		"name":    `{"version":1,"addresses":{"a..example":["192.0.2.1"]}}`,
		"long":    strings.Repeat(" ", maxAddressesFile) + `{"version":1}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		var trouble error
		NewBootstrap(BootstrapOptions{File: path, Trouble: func(err error) { trouble = err }}).Close()
		if trouble == nil || !strings.Contains(trouble.Error(), path) {
			t.Errorf("%s: %v", name, trouble)
		}
	}
	var trouble error
	b := NewBootstrap(BootstrapOptions{
		Transports: []Transport{newFake("server", after(0, locates(60, "192.0.2.1")))},
		File:       filepath.Join(dir, "none", "file"),
		Trouble:    func(err error) { trouble = err },
	})
	if _, err := b.Find(t.Context(), testHost); err != nil {
		t.Error(err)
	}
	b.Close()
	if trouble == nil {
		t.Error("a folder that does not exist is no trouble")
	}
}

func TestBootstrapClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFake("server", silent)
		b := NewBootstrap(BootstrapOptions{Transports: []Transport{server}})
		done := make(chan error)
		go func() {
			_, err := b.Find(context.Background(), testHost)
			done <- err
		}()
		synctest.Wait() // until it waits for the server
		b.Close()
		if err := <-done; err == nil {
			t.Error("an address of a silent server")
		}
		if _, err := b.Find(t.Context(), testHost); err != ErrClosed {
			t.Errorf("after Close: %v", err)
		}
		if !server.closed.Load() {
			t.Error("the transport is open")
		}
	})
}

// TestBootstrapServers: servers by name are reached by every transport, those
// with pinned addresses only when these fail.
func TestBootstrapServers(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	root := upstreamtest.NewDNS(t, upstreamtest.Answer(300, netip.MustParseAddr("127.0.0.1")))
	open := func(t *testing.T) *Bootstrap {
		b := NewBootstrap(BootstrapOptions{Transports: []Transport{newUDP(&target{place: &place{pinned: []netip.AddrPort{root.Addr()}}, label: "root"})}})
		t.Cleanup(func() { b.Close() })
		return b
	}
	for _, s := range []*upstreamtest.Server{
		upstreamtest.NewTLS(t, ca, testAnswer), upstreamtest.NewHTTPS(t, ca, testAnswer),
		upstreamtest.NewQUIC(t, ca, testAnswer), upstreamtest.NewHTTP3(t, ca, testAnswer),
	} {
		t.Run(s.URL(), func(t *testing.T) {
			before := root.Queries()
			b := open(t)
			exchange(t, transport(t, Server{URL: s.URL(), Bootstrap: b}, ca))
			if n := root.Queries() - before; n != 2 {
				t.Errorf("%d queries for the address", n)
			}
		})
	}
	t.Run("pinned", func(t *testing.T) {
		s := upstreamtest.NewTLS(t, ca, testAnswer)
		before := root.Queries()
		b := open(t)
		exchange(t, transport(t, Server{URL: s.URL(), Addresses: addrsOf("127.0.0.1"), Bootstrap: b}, ca))
		if n := root.Queries() - before; n != 0 {
			t.Errorf("%d queries for a pinned address that works", n)
		}
		tr := transport(t, Server{URL: s.URL(), Addresses: addrsOf("127.0.0.2"), Bootstrap: b}, ca) // refuses
		if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != Refused {
			t.Errorf("%v is %v, want refused", err, causeOf(err))
		}
		exchange(t, tr)
	})
	t.Run("no address", func(t *testing.T) {
		b := NewBootstrap(BootstrapOptions{Transports: []Transport{newFake("root", after(0, nxdomain))}})
		t.Cleanup(func() { b.Close() })
		for _, scheme := range []string{"udp", "tcp", "tls", "quic"} {
			tr := transport(t, Server{URL: scheme + "://dns.test", Bootstrap: b}, nil)
			if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != NoAddress {
				t.Errorf("%s: %v is %v, want no_address", scheme, err, causeOf(err))
			}
		}
	})
}

func FuzzAddressesFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"addresses":{"dns.test":["192.0.2.1","2001:db8::1"]}}`))
	f.Add([]byte(`{"version":1,"addresses":{".":null}}`))
	f.Add([]byte(`{"version":-1`))
	f.Fuzz(func(t *testing.T, data []byte) {
		known, err := parseAddresses(data)
		if err != nil {
			return
		}
		for name := range known {
			if again, err := dnswire.ParseName(name.Text()); err != nil || again != name {
				t.Errorf("%q: name %q: %v", data, name, err)
			}
		}
	})
}

func FuzzAddressesIn(f *testing.F) {
	query := dnswire.AppendQuestion(nil, 1, dnswire.FlagRD, dnswire.Question{Name: testHost, Type: dnswire.TypeA, Class: dnswire.ClassIN})
	f.Add(locates(300, "192.0.2.1")(query))
	f.Add(bytes.Repeat([]byte{0xC0, 12}, 30))
	f.Fuzz(func(t *testing.T, reply []byte) {
		if CheckReply(reply, query) != nil {
			return
		}
		addrs, ttl := addressesIn(reply, testHost, dnswire.TypeA)
		if ttl < 0 || ttl > maxRefresh || len(addrs) > dnswire.Count(reply, dnswire.Answer) {
			t.Errorf("%x: %v for %v", reply, addrs, ttl)
		}
	})
}
