package wgquick

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestKeyText(t *testing.T) {
	k := key(t, secret)
	if k.Base64() != secret {
		t.Errorf("Base64: %s", k.Base64())
	}
	raw, err := hex.DecodeString(k.Hex())
	if err != nil || !bytes.Equal(raw, k[:]) {
		t.Errorf("Hex: %s", k.Hex())
	}
	if k.IsZero() || !(Key{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

// The pair as "wg pubkey" makes it.
func TestKeyPublic(t *testing.T) {
	if got := key(t, secret).Public().Base64(); got != secretPublic {
		t.Errorf("got %s, want %s", got, secretPublic)
	}
	if got := (Key{}).Public(); !got.IsZero() {
		t.Error("the zero key has a public key")
	}
}

func TestParseKeyErrors(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"one byte short":    secret[:40] + "AA==",
		"one byte more":     secret[:43] + "A",
		"no padding":        secret[:43],
		"blank":             secret + " ",
		"end of line":       secret[:43] + "\n",
		"stray bits":        secret[:42] + "F=",
		"URL alphabet":      strings.Replace(secret, "+", "-", 1),
		"hexadecimal":       strings.Repeat("0f", 32),
		"two base64 quanta": secret + secret,
	} {
		if k, err := ParseKey(text); err == nil || k != (Key{}) {
			t.Errorf("%s: no error", name)
		} else if err != errKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The whole file's Config, in every form that programs put into logs.
func TestKeyIsHidden(t *testing.T) {
	c, err := Parse("wg0.conf", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	k := c.PrivateKey
	for _, v := range []any{c, *c, c.Peers, c.Peers[0], k, &k, []Key{k}, map[Key]Key{k: k}, struct{ K Key }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "% x", "%064x"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
	}
	out.WriteString(k.String() + k.GoString())
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "conf", c, "key", k, "peers", c.Peers)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "conf", c, "key", k, "peers", c.Peers)

	for _, k := range []Key{c.PrivateKey, c.Peers[0].PublicKey, c.Peers[0].PresharedKey} {
		decimal := strings.Trim(fmt.Sprint(k[:4]), "[]")
		for _, form := range []string{
			k.Base64()[:8], k.Hex()[:8], strings.ToUpper(k.Hex()[:8]), decimal,
			strings.ReplaceAll(decimal, " ", ","), fmt.Sprintf("% x", k[:4]), fmt.Sprintf("%#x", k[0]) + ", ",
		} {
			if i := strings.Index(out.String(), form); i >= 0 {
				t.Errorf("the key is visible: %q", out.String()[max(0, i-20):min(out.Len(), i+40)])
			}
		}
	}
	if !strings.Contains(out.String(), hidden) {
		t.Error("the check sees nothing")
	}
}

// leak returns a piece of the key that is in text, "" if there is none. Blanks are no
// obstacle to a reader, so they are none here.
func leak(text, key string) string {
	text = strings.Join(strings.Fields(text), "")
	for i := range len(key) - secretRun {
		if piece := key[i : i+secretRun]; strings.Contains(text, piece) {
			return piece
		}
	}
	return ""
}

// A key at each wrong place, whole and damaged, must not come back in the error.
func TestErrorsHideKeys(t *testing.T) {
	head := "[Interface]\nPrivateKey=" + secret + "\n"
	peer := head + "[Peer]\nPublicKey=" + public + "\n"
	n := 0
	for _, before := range []string{
		"", "[", "[Interface]\n", "[Interface]\nPrivateKey ", "[Interface]\nPrivateKey = x", "[Interface]\nPrivatKey = ",
		head, head + "[", head + "Address = ", head + "MTU=", head + "ListenPort=", head + "Address=10.0.0.1,",
		peer + "Endpoint=", peer + "Endpoint=[", peer + "Endpoint=host:", peer + "AllowedIPs=", peer + "PersistentKeepalive=",
		peer + "PresharedKey=x", peer + "[Peer]\nPublicKey=y",
	} {
		for _, text := range []string{
			psk, psk[:43], psk[1:], psk[:30], psk[:20] + "\t" + psk[20:], psk[:4] + " " + psk[4:8] + " " + psk[8:], psk + "=" + psk, psk + ":51820", psk + "]",
		} {
			_, err := Parse("f", []byte(before+text))
			if err == nil {
				continue
			}
			n++
			if piece := leak(err.Error(), psk); piece != "" {
				t.Errorf("%q + key: the error shows %q: %v", before, piece, err)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d of the inputs were errors", n)
	}
	if leak("x "+psk[3:13]+" "+psk[13:30], psk) == "" {
		t.Error("the check sees nothing")
	}
}
