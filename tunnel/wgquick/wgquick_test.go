package wgquick

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Keys of no one, made for these tests. secretPublic belongs to secret.
const (
	secret       = "gI6EdUSYvn8ugXOt8QQD6Yc+JyiZxIhp3GInSWRfWGE="
	secretPublic = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA="
	public       = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
	public2      = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
	psk          = "FpCyhws9cxwWoV4xELtfJvjJN2zQVRPISllRWgeopVE="
)

func key(t *testing.T, text string) Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, text := range texts {
		ps = append(ps, netip.MustParsePrefix(text))
	}
	return ps
}

const full = `# a comment
[Interface]
PrivateKey = ` + secret + `  # mine
Address = 10.192.122.1/24, fd00::1/64
address=10.10.0.1
MTU = 1380
ListenPort = 51820
Table = auto
FwMark = off
SaveConfig = false

[Peer]
PublicKey = ` + public + `
PresharedKey = ` + psk + `
Endpoint = vpn.example.com:51820
AllowedIPs = 10.192.122.3/32, 10.192.124.1/24,10.192.124.77/24
AllowedIPs = fd00:1::/64
PersistentKeepalive = 25

[PEER]
	publickey	=	` + public2 + `
Endpoint=[2607:5300:60:6b0::c05f:543]:2468
AllowedIPs =
PersistentKeepalive = off
`

func wantFull(t *testing.T) *Config {
	return &Config{
		File:       "wg0.conf",
		PrivateKey: key(t, secret),
		Addresses:  prefixes("10.192.122.1/24", "fd00::1/64", "10.10.0.1/32"),
		MTU:        1380,
		ListenPort: 51820,
		Peers: []Peer{{
			PublicKey:           key(t, public),
			PresharedKey:        key(t, psk),
			Endpoint:            Endpoint{Host: "vpn.example.com", Port: 51820},
			AllowedIPs:          prefixes("10.192.122.3/32", "10.192.124.0/24", "fd00:1::/64"),
			PersistentKeepalive: 25,
			Line:                12,
		}, {
			PublicKey: key(t, public2),
			Endpoint:  Endpoint{Host: "2607:5300:60:6b0::c05f:543", Port: 2468},
			Line:      20,
		}},
	}
}

func TestParse(t *testing.T) {
	for name, data := range map[string]string{
		"plain":       full,
		"CRLF":        strings.ReplaceAll(full, "\n", "\r\n"),
		"BOM":         "\ufeff" + full,
		"no last EOL": strings.TrimSuffix(full, "\n"),
		"blanks":      strings.ReplaceAll(full, "\n", " \t \n  "),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("wg0.conf", []byte(data))
			if err != nil {
				t.Fatal(err)
			}
			if want := wantFull(t); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// A file with an interface alone is complete: peers may be added by other means.
func TestParseMinimal(t *testing.T) {
	got, err := Parse("x", []byte("[interface]\nprivatekey="+secret))
	if err != nil {
		t.Fatal(err)
	}
	if want := (&Config{File: "x", PrivateKey: key(t, secret)}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEndpoint(t *testing.T) {
	for _, tt := range []struct {
		text, host string
		isAddr     bool
	}{
		{"192.0.2.1:1", "192.0.2.1", true},
		{"[2001:db8::1]:65535", "2001:db8::1", true},
		{"[fe80::1%eth0]:51820", "fe80::1%eth0", true},
		{"vpn.example.com.:51820", "vpn.example.com.", false},
		{"my_host:51820", "my_host", false},
	} {
		c, err := Parse("f", []byte("[Interface]\nPrivateKey="+secret+"\n[Peer]\nPublicKey="+public+"\nEndpoint="+tt.text))
		if err != nil {
			t.Error(err)
			continue
		}
		e := c.Peers[0].Endpoint
		addr, isAddr := e.Addr()
		if e.Host != tt.host || isAddr != tt.isAddr || isAddr != addr.IsValid() || e.String() != tt.text {
			t.Errorf("%s: got %+v (%s), address %v", tt.text, e, e, addr)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "wg0.conf")
	if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := wantFull(t)
	want.File = path
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	_, err = Load(filepath.Join(dir, "absent.conf"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read WireGuard configuration: open ") {
		t.Errorf("absent file: %v", err)
	}
	if _, err = Load(dir); err == nil {
		t.Error("a directory was read as a file")
	}
	if err := os.WriteFile(path, []byte("[Interface]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":1: ") {
		t.Errorf("bad file: %v", err)
	}
}

func TestLoadWarnings(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file modes say nothing on Windows")
	}
	path := filepath.Join(t.TempDir(), "wg0.conf")
	for mode, want := range map[fs.FileMode][]string{
		0o600: nil,
		0o400: nil,
		0o640: {path + ": holds a private key, yet its mode 0640 lets other users at it; run: chmod 600 " + path},
		0o604: {path + ": holds a private key, yet its mode 0604 lets other users at it; run: chmod 600 " + path},
	} {
		os.Remove(path)
		if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.Warnings, want) {
			t.Errorf("mode %04o: got %q, want %q", mode, c.Warnings, want)
		}
	}
}
