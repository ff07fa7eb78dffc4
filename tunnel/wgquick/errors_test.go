package wgquick

import (
	"errors"
	"strings"
	"testing"
)

func TestParseErrors(t *testing.T) {
	const (
		head = "[Interface]\nPrivateKey = " + secret + "\n"   // lines 1 and 2
		peer = head + "[Peer]\nPublicKey = " + public + "\n"  // lines 3 and 4
		two  = peer + "[Peer]\nPublicKey = " + public2 + "\n" // lines 5 and 6
		tail = "full-tunnel routing would send WireGuard's own packets and the upstream queries into the tunnel; name the networks behind this peer"
		isnt = "must be 32 bytes in base64: 44 characters, the last one \"=\"; the value is not shown, as it may be a secret"
		form = "is not of the form host:port, like vpn.example.com:51820, 192.0.2.1:51820 or [2001:db8::1]:51820"
	)
	for _, tt := range []struct {
		data string
		want []string
	}{
		{"", []string{`1: there is no [Interface] section`}},
		{"# nothing\n\n", []string{`1: there is no [Interface] section`}},
		{"\xff\xfe[\x00", []string{`1: the file is UTF-16; save it as UTF-8`}},
		{"[Interface]\nx\x00", []string{`2: there is a NUL byte; this is not a text file`}},
		{strings.Repeat("#", maxFileSize+1), []string{`1: the file is larger than 1048576 bytes; this is not a wg-quick file`}},

		// Sections and lines.
		{"[Interface]\nMTU = 1400\n", []string{`1: this [Interface] has no PrivateKey; add: PrivateKey = (the output of wg genkey)`}},
		{head + "[Peer]\n\n[Peer]\nPublicKey=" + public, []string{`3: this [Peer] has no PublicKey; add the one that the peer's owner gave you`}},
		{head + "[Peers]\nnonsense\n", []string{`3: unknown section "[Peers]"; the sections are [Interface] and [Peer]`}},
		{head + "[Peer\n", []string{`3: unknown section "[Peer"; the sections are [Interface] and [Peer]`}},
		{head + "[\n", []string{`3: unknown section "["; the sections are [Interface] and [Peer]`}},
		{peer + "[Interface]\nPrivateKey=" + secret, []string{`5: a second [Interface] section; the first one is on line 1`}},
		{"MTU = 1400\nx=1\n" + head, []string{`1: "MTU" stands before the first section; start the file with [Interface]`}},
		{head + "MTU\n", []string{`3: "MTU" is not of the form Key = value`}},
		{head + "MTU = \n", []string{`3: MTU has no value`}},
		{head + "Address = # later\n", []string{`3: Address has no value`}},
		{head + "MTU = 1400\nmtu = 1300\n", []string{`4: MTU is given twice in this section; the first one is on line 3`}},
		{head + "Adress = 10.0.0.1\n", []string{`3: unknown key "Adress" in [Interface]; did you mean "Address"?`}},
		{peer + "AllowedIP = 10.0.0.1\n", []string{`5: unknown key "AllowedIP" in [Peer]; did you mean "AllowedIPs"?`}},
		{peer + "Colour = red\n", []string{`5: unknown key "Colour" in [Peer]; the keys are PublicKey, PresharedKey, Endpoint, AllowedIPs, PersistentKeepalive`}},
		{head + "endpoint = 192.0.2.1:1\n", []string{`3: Endpoint belongs into [Peer], not [Interface]`}},
		{peer + "MTU = 1400\n", []string{`5: MTU belongs into [Interface], not [Peer]`}},

		// Keys.
		{"[Interface]\nPrivateKey = x" + secret + "\n", []string{`2: PrivateKey ` + isnt}},
		{"[Interface]\nPrivateKey = " + secret[:43] + "\n", []string{`2: PrivateKey ` + isnt}},
		{"[Interface]\nPrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", []string{`2: PrivateKey is all zeros, which means no key; make one with: wg genkey`}},
		{head + "[Peer]\nPublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", []string{`4: PublicKey is all zeros, which is nobody's key`}},
		{head + "[Peer]\nPublicKey = " + strings.Replace(public, "g=", "h=", 1) + "\n", []string{`4: PublicKey ` + isnt}},
		{peer + "PresharedKey = none\n", []string{`5: PresharedKey ` + isnt}},
		{peer + "[Peer]\nPublicKey = " + public + "\n", []string{`6: this PublicKey is also that of the peer on line 4; a peer has one section`}},
		{head + "[Peer]\nPublicKey = " + secretPublic + "\n", []string{`4: this PublicKey is the one of [Interface] itself; a peer needs the key of the other end`}},

		// Interface values.
		{head + "Address = 10.0.0.300/24, 10.0.0.1/33\n", []string{
			`3: Address "10.0.0.300/24" is not an address like 10.0.0.2/24 or fd00::2/64`,
			`3: Address "10.0.0.1/33" is not an address like 10.0.0.2/24 or fd00::2/64`}},
		{head + "Address = fe80::1%eth0\n", []string{`3: Address "fe80::1%eth0" is not an address like 10.0.0.2/24 or fd00::2/64`}},
		{head + "Address = ::ffff:10.0.0.1\n", []string{`3: Address "::ffff:10.0.0.1" is not an address like 10.0.0.2/24 or fd00::2/64`}},
		{head + "Address = 127.0.0.2/8\n", []string{`3: Address "127.0.0.2/8" cannot be an interface's own address`}},
		{head + "Address = ff02::1\n", []string{`3: Address "ff02::1" cannot be an interface's own address`}},
		{head + "Address = 0.0.0.0\n", []string{`3: Address "0.0.0.0" cannot be an interface's own address`}},
		{head + "Address = 10.0.0.1/24\nAddress = 10.0.0.1/32\n", []string{`4: Address "10.0.0.1/32" is given twice`}},
		{head + "MTU = 575\n", []string{`3: MTU "575" is not a number from 576 to 65535`}},
		{head + "MTU = +1400\n", []string{`3: MTU "+1400" is not a number from 576 to 65535`}},
		{head + "MTU = 99999999999999999999\n", []string{`3: MTU (not shown: it may be a key) is not a number from 576 to 65535`}},
		{head + "MTU = 1279\nAddress = fd00::1\n", []string{`3: MTU 1279 is too small for the IPv6 address of this interface; IPv6 needs 1280`}},
		{head + "ListenPort = 65536\n", []string{`3: ListenPort "65536" is not a number from 0 to 65535`}},

		// Peer values.
		{peer + "Endpoint = 192.0.2.1\n", []string{`5: Endpoint "192.0.2.1" ` + form}},
		{peer + "Endpoint = 192.0.2.300:51820\n", []string{`5: Endpoint "192.0.2.300:51820" ` + form}},
		{peer + "Endpoint = 0.0.0.0:51820\n", []string{`5: Endpoint "0.0.0.0:51820" ` + form}},
		{peer + "Endpoint = 192.0.2.1:0\n", []string{`5: Endpoint "192.0.2.1:0" ` + form}},
		{peer + "Endpoint = 2001:db8::1:51820\n", []string{`5: Endpoint "2001:db8::1:51820" ` + form}},
		{peer + "Endpoint = [192.0.2.1]:51820\n", []string{`5: Endpoint "[192.0.2.1]:51820" ` + form}},
		{peer + "Endpoint = [vpn.example]:51820\n", []string{`5: Endpoint "[vpn.example]:51820" ` + form}},
		{peer + "Endpoint = vpn..example:51820\n", []string{`5: Endpoint "vpn..example:51820" ` + form}},
		{peer + "Endpoint = -vpn.example:51820\n", []string{`5: Endpoint "-vpn.example:51820" ` + form}},
		{peer + "Endpoint = :51820\n", []string{`5: Endpoint ":51820" ` + form}},
		{peer + "AllowedIPs = 10.0.0.0/40, office\n", []string{
			`5: AllowedIPs "10.0.0.0/40" is not a network like 10.0.0.0/24 or fd00::/64`,
			`5: AllowedIPs "office" is not a network like 10.0.0.0/24 or fd00::/64`}},
		{two + "AllowedIPs = 10.0.0.1/24\n[Peer]\nPublicKey=" + psk + "\nAllowedIPs = 10.0.0.2/24\n",
			[]string{`10: AllowedIPs 10.0.0.0/24 also belongs to another peer, on line 7; a network has one peer`}},
		{peer + "PersistentKeepalive = 65536\n", []string{`5: PersistentKeepalive "65536" is neither "off" nor a number of seconds from 0 to 65535`}},

		// Not supported.
		{peer + "AllowedIPs = 0.0.0.0/0, ::/0\n", []string{
			`5: AllowedIPs 0.0.0.0/0 is not supported in this version: ` + tail,
			`5: AllowedIPs ::/0 is not supported in this version: ` + tail}},
		{peer + "AllowedIPs = 10.0.0.1/0\n", []string{`5: AllowedIPs 0.0.0.0/0 is not supported in this version: ` + tail}},
		{two + "AllowedIPs = 0.0.0.0/1\n[Peer]\nPublicKey=" + psk + "\nAllowedIPs = 128.0.0.0/1\n",
			[]string{`10: AllowedIPs 128.0.0.0/1 together with 0.0.0.0/1 is not supported in this version: ` + tail}},
		{peer + "AllowedIPs = 8000::/1, ::/1\n", []string{`5: AllowedIPs ::/1 together with 8000::/1 is not supported in this version: ` + tail}},
		{head + "DNS = 1.1.1.1\n", []string{`3: DNS is not supported in this version: tundns does not change the system's resolver; remove the line and ask tundns at its virtual address`}},
		{head + "Table = off\n", []string{`3: Table is not supported in this version: routes go into the main table; remove the line`}},
		{head + "FwMark = 0xca6c\n", []string{`3: FwMark is not supported in this version: packets are not marked; remove the line`}},
		{head + "SaveConfig = true\n", []string{`3: SaveConfig is not supported in this version: tundns never writes this file; remove the line`}},
		{head + "PreUp = a\npostup = b = c\nPreDown = d\nPostDown = e\n", []string{
			`3: PreUp is not supported in this version: ` + hooks,
			`4: PostUp is not supported in this version: ` + hooks,
			`5: PreDown is not supported in this version: ` + hooks,
			`6: PostDown is not supported in this version: ` + hooks}},

		// Several at once, in the file's order whatever the order of the checks.
		{"[Interface]\nMTU = x\n[Peer]\nEndpoint = y\n", []string{
			`1: this [Interface] has no PrivateKey; add: PrivateKey = (the output of wg genkey)`,
			`2: MTU "x" is not a number from 576 to 65535`,
			`3: this [Peer] has no PublicKey; add the one that the peer's owner gave you`,
			`4: Endpoint "y" ` + form}},
	} {
		_, err := Parse("wg0.conf", []byte(tt.data))
		want := "wg0.conf:" + strings.Join(tt.want, "\nwg0.conf:")
		if err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.data[:min(len(tt.data), 300)], err, want)
		}
	}
}

func TestParseManyErrors(t *testing.T) {
	_, err := Parse("f", []byte("[Interface]\nAddress = "+strings.Repeat("x,", 20)+"\n"+strings.Repeat("x\nMTU=1\n", 10)+"Address = "+strings.Repeat("x,", 1000)))
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != maxErrors {
		t.Fatalf("got %d errors, want %d", len(errs), maxErrors)
	}
	if got := errs[maxErrors-1].Message; got != "too many errors; the rest is not shown" {
		t.Errorf("last error: %q", got)
	}
	var single *Error
	if !errors.As(err, &single) || single.Line != 2 {
		t.Errorf("first single error: %v, want that of line 2", single)
	}
}
