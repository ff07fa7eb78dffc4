package blocklists

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"tundns/dnswire"
)

func TestEncodings(t *testing.T) {
	const body = "# список\r\nads.example\r\nпример.example\n\U0001F600.example"
	wide := func(order binary.AppendByteOrder, s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	for name, encoded := range map[string]string{
		"utf-8":              body,
		"utf-8 with mark":    "\uFEFF" + body,
		"utf-16le":           wide(binary.LittleEndian, "\uFEFF"+body),
		"utf-16be":           wide(binary.BigEndian, "\uFEFF"+body),
		"utf-16le, cut byte": wide(binary.LittleEndian, "\uFEFF"+body) + "x",
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			s := text("ads", "")
			s.Open = func() (io.ReadCloser, error) { return io.NopCloser(wrap(strings.NewReader(encoded))), nil }
			set, reports := mustLoad(t, s)
			if r := reports[0]; r.Rules != 3 || r.Skipped != 0 || r.Lines != 4 || r.Bytes != int64(len(encoded)) {
				t.Errorf("%s: %+v", name, r)
			}
			if _, ok := set.Match(&Query{Name: dnswire.MustName("www.xn--e1afmkfd.example")}, set.All()); !ok {
				t.Errorf("%s: the Unicode name does not match", name)
			}
		}
	}
}

func TestUTF16WithoutMark(t *testing.T) {
	for _, wide := range []string{"a\x00d\x00s\x00.\x00e\x00x\x00\n\x00", "\x00a\x00d\x00s\x00.\x00e\x00x\x00\n"} {
		set, _ := mustLoad(t, text("wide", wide))
		if rule, ok := set.Match(named(dnswire.MustName("ads.ex")), set.All()); !ok {
			t.Errorf("%q: %v", wide, rule)
		}
	}
}

func TestUTF16LoneSurrogates(t *testing.T) {
	in := []byte{0xFF, 0xFE, 'a', 0, 0x00, 0xD8, 'b', 0, 0x00, 0xDC, 0x00, 0xD8}
	l, err := newLines(bytes.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := l.next()
	if want := "\uFEFFa\uFFFDb\uFFFD\uFFFD"; string(text) != want || err != nil {
		t.Errorf("%q %v, want %q", text, err, want)
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	exact := strings.Repeat("a", maxLine-len("\n"))
	body := strings.Join([]string{"||a.example^", "||" + long + "^", "! " + long, exact, "||b.example^", long}, "\n")
	for _, format := range []Format{Auto, Adblock} {
		_, reports := mustLoad(t, as(format, text("long", body)))
		r := reports[0]
		if r.Rules != 2 || r.Lines != 6 || r.Reasons[string(whyLine)] != 2 || r.Skipped != 3 {
			t.Errorf("%v: %+v", format, r)
		}
		if p := r.Problems[0]; p.Line != 2 || len(p.Text) > printLimit {
			t.Errorf("%v: %+v", format, p)
		}
	}
}

func TestDetect(t *testing.T) {
	many := func(n int, line string) string { return strings.Repeat(line+"\n", n) }
	for _, test := range []struct {
		name string
		body string
		want Format
	}{
		{"empty", "", Domains},
		{"comments", "# a\n! b\n\n", Domains},
		{"hosts", "# a\n127.0.0.1 localhost\n0.0.0.0 ads.example\n", Hosts},
		{"domains", "# a\nads.example\nb.example # why\n", Domains},
		{"wildcards", "*.ads.example\n*.b.example\n", Domains},
		{"adblock", "[Adblock Plus]\n! a\n||ads.example^\n", Adblock},
		{"allow", "@@||ads.example^\n@@||b.example^\nc.example\n", Adblock},
		{"browser list", "##.ad\na.example##.ad\n/banner/*\nb.example\n", Adblock},
		{"a draw", "0.0.0.0 ads.example\nb.example\n", Domains},
		{"another draw", "||ads.example^\nb.example\n", Domains},
		{"few strays", "||odd.example^\n" + many(300, "0.0.0.0 ads.example"), Hosts},
		{"after a long head", many(5000, "# head") + many(3, "||ads.example^"), Adblock},
		{"only the start counts", many(holdLines, "ads.example") + many(5000, "0.0.0.0 ads.example"), Domains},
	} {
		_, reports := mustLoad(t, text("list", test.body))
		if got := reports[0].Format; got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// The format of a mixed list says what its bare names mean, not which other
// lines are read.
func TestMixedList(t *testing.T) {
	body := "0.0.0.0 hosts.example\n||adblock.example^\n*.wild.example\nbare.example\n=exact.example\n@@||good.bare.example^\n"
	for format, want := range map[Format]map[string]bool{
		Domains: {"x.hosts.example": false, "x.adblock.example": true, "wild.example": true, "x.bare.example": true, "x.exact.example": false, "bare.example": true},
		Hosts:   {"x.hosts.example": false, "x.adblock.example": true, "wild.example": true, "x.bare.example": false, "x.exact.example": false, "bare.example": true},
		Adblock: {"x.hosts.example": false, "x.adblock.example": true, "wild.example": true, "x.bare.example": false, "x.exact.example": false, "bare.example": true},
	} {
		set, reports := mustLoad(t, as(format, text("mixed", body)))
		if reports[0].Rules != 6 {
			t.Errorf("%v: %+v", format, reports[0])
		}
		for name, blocked := range want {
			rule, ok := set.Match(&Query{Name: dnswire.MustName(name)}, set.All())
			if ok != blocked {
				t.Errorf("%v: %s: %v %v, want %v", format, name, rule, ok, blocked)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.txt")
	if err := os.WriteFile(page, []byte("\n  <!DOCTYPE html><p>not here"), 0o600); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(i * 7)
	}
	failing := text("failing", "")
	failing.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("a.example\n"), iotest.ErrReader(errors.New("cable cut")))), nil
	}
	for _, test := range []struct {
		source Source
		want   []string
	}{
		{Source{Name: "gone", Path: filepath.Join(dir, "gone.txt")}, []string{`"gone"`, "gone.txt", "no such file"}},
		{Source{Name: "dir", Path: dir}, []string{`"dir"`, dir}},
		{Source{Name: "nothing"}, []string{`"nothing"`, "no file given"}},
		{Source{Path: page}, []string{"without a name"}},
		{Source{Name: "page", Path: page}, []string{`"page"`, page, "HTML"}},
		{text("page", "<html>"), []string{"page.txt", "HTML"}},
		{text("json", `{"message":"Not Found"}`), []string{"JSON"}},
		{text("packed", "\x1f\x8b\x08\x00"), []string{"gzip", "unpack"}},
		{text("noise", string(noise)), []string{"binary"}},
		{text("wider", "\xff\xfe\x00\x00a\x00\x00\x00"), []string{"UTF-32"}},
		{failing, []string{`"failing"`, "cable cut"}},
		{as(9, text("odd", "")), []string{`"odd"`, "format"}},
		{Source{Name: "odd", Path: page, Action: 7}, []string{`"odd"`, "action"}},
	} {
		set, _, err := Load(context.Background(), []Source{text("good", "ads.example\n"), test.source})
		if err == nil || set != nil {
			t.Errorf("%+v: set %v, error %v", test.source, set, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q lacks %q", err, want)
			}
		}
	}
	if _, _, err := Load(context.Background(), []Source{text("twin", ""), text("twin", "")}); err == nil || !strings.Contains(err.Error(), `"twin"`) {
		t.Errorf("two lists of one name: %v", err)
	}
}

// All bad lists are named at once, and the reports of the good ones are there.
func TestLoadNamesAllBadLists(t *testing.T) {
	set, reports, err := Load(context.Background(), []Source{text("one", "<html>"), text("two", "ads.example\n"), text("three", "{}")})
	if set != nil || err == nil || !strings.Contains(err.Error(), `"one"`) || !strings.Contains(err.Error(), `"three"`) || strings.Contains(err.Error(), `"two"`) {
		t.Errorf("%v, %v", set, err)
	}
	if len(reports) != 3 || reports[1].Rules != 1 {
		t.Errorf("reports %+v", reports)
	}
}

// An endless list ends with the context, in the middle of a line, too.
func TestLoadStops(t *testing.T) {
	for _, endless := range []string{"ads.example\n", "x", "# comment\n"} {
		ctx, cancel := context.WithCancel(context.Background())
		s := text("endless", "")
		closed := false
		s.Open = func() (io.ReadCloser, error) {
			return &loop{text: endless, after: 1 << 20, then: cancel, closed: &closed}, nil
		}
		set, _, err := Load(ctx, []Source{s})
		if set != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%q: %v, %v", endless, set, err)
		}
		if !closed {
			t.Errorf("%q: not closed", endless)
		}
	}
}

// loop reads a text again and again and calls then after some bytes.
type loop struct {
	text   string
	n      int
	after  int
	then   func()
	closed *bool
}

func (l *loop) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = l.text[l.n%len(l.text)]
		l.n++
	}
	if l.n > l.after {
		l.then()
	}
	return len(p), nil
}

func (l *loop) Close() error {
	*l.closed = true
	return nil
}

func TestParseNames(t *testing.T) {
	for _, f := range []Format{Auto, Hosts, Domains, Adblock} {
		if got, err := ParseFormat(f.String()); got != f || err != nil {
			t.Errorf("%v: %v, %v", f, got, err)
		}
	}
	for _, a := range []Action{Block, Allow} {
		if got, err := ParseAction(a.String()); got != a || err != nil {
			t.Errorf("%v: %v, %v", a, got, err)
		}
	}
	if _, err := ParseFormat("host"); err == nil || !strings.Contains(err.Error(), "auto, hosts, domains, adblock") {
		t.Errorf("ParseFormat: %v", err)
	}
	if _, err := ParseAction("deny"); err == nil || !strings.Contains(err.Error(), "block, allow") {
		t.Errorf("ParseAction: %v", err)
	}
}

func TestStarter(t *testing.T) {
	set, reports := mustLoad(t, Starter())
	r := reports[0]
	if r.Skipped != 0 || r.Duplicates != 0 || r.Rules < 200 || set.Lists()[0] != "starter" {
		t.Errorf("%+v", r)
	}
	for name, want := range map[string]bool{
		"ad.doubleclick.net":        true,
		"doubleclick.net":           true,
		"www.google.com":            false,
		"google.com":                false,
		"www.googletagmanager.com":  false,
		"login.microsoftonline.com": false,
	} {
		if _, ok := set.Match(&Query{Name: dnswire.MustName(name)}, set.All()); ok != want {
			t.Errorf("%s: blocked %v, want %v", name, ok, want)
		}
	}
	// Every line is needed: none is under another.
	for line := range strings.Lines(starter) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if rules := set.MatchAll(&Query{Name: dnswire.MustName(line)}, set.All()); len(rules) != 1 {
			t.Errorf("%s: %v", line, rules)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, body := range []string{
		"", "\n", "\uFEFFads.example\r\n", "\xff\xfea\x00.\x00b\x00\n\x00", "\xfe\xff\x00a\x00.\x00b", "\xff\xfe\x00\xd8", "<html>", "\x1f\x8b",
		"0.0.0.0 a.b c.d\n||a.b^\n@@||x.a.b^$important\n=a.b\n", "ads.example\x00\n", "\xff\xfe\x00\x00",
	} {
		f.Add([]byte(body), "x.a.b")
	}
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		set, reports, err := Load(context.Background(), []Source{text("fuzz", string(body)), text("second", "x.a.b\n")})
		if err != nil {
			return
		}
		if n := reports[0].Rules + reports[1].Rules; n != set.Rules() {
			t.Fatalf("%d rules reported, %d in the set", n, set.Rules())
		}
		if query, err := dnswire.ParseName(name); err == nil {
			all := set.MatchAll(&Query{Name: query}, set.All())
			got, ok := set.Match(&Query{Name: query}, set.All())
			if ok != (len(all) > 0) || ok && got != all[0] {
				t.Fatalf("Match %v, MatchAll %v", got, all)
			}
		}
	})
}
