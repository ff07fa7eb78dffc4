package blocklists

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// manySources returns lists that are worth a compiled form, with all that the
// form holds.
func manySources() []Source {
	names := strings.Join(listtest.Names(minCompiled), "\n")
	return []Source{
		text("names", names),
		as(Adblock, text("odd", strings.Join([]string{
			"||ads.example^", "@@||good.ads.example^$important", "/^ad[0-9]+\\./", "||track*.example^", "||ads.example^$badfilter",
			"||1.2.3.4^", "@@10.0.0.0/8", "||rewritten.example^$dnsrewrite=1.2.3.4", "||kids.example^$client='10.0.0.7'|~tablet,dnstype=~A",
			"||no.example^$third-party", "0.0.0.0", "||hr.example^$denyallow=a.hr.example",
		}, "\n"))),
	}
}

func TestLoader(t *testing.T) {
	ctx := context.Background()
	sources := manySources()
	l := Loader{File: filepath.Join(t.TempDir(), "compiled")}
	first, firstReports, err := l.Load(ctx, sources)
	if err != nil || l.Used || !l.Written || l.Trouble != nil {
		t.Fatalf("first load: %v, %+v", err, l)
	}
	second, secondReports, err := l.Load(ctx, sources)
	if err != nil || !l.Used || l.Written || l.Trouble != nil {
		t.Fatalf("second load: %v, %+v", err, l)
	}
	if !reflect.DeepEqual(firstReports, secondReports) {
		t.Errorf("reports %+v, want %+v", secondReports, firstReports)
	}
	plain, _ := mustLoad(t, sources...)
	for _, set := range []*Set{first, second} {
		if set.Rules() != plain.Rules() || set.Names() != plain.Names() || !reflect.DeepEqual(set.Lists(), plain.Lists()) {
			t.Errorf("%d rules for %d names in %q", set.Rules(), set.Names(), set.Lists())
		}
	}
	o := oracleOf(t, sources, firstReports)
	for text := range o.names {
		agree(t, second, o, named(dnswire.MustName(text)), second.All())
	}
	if info, err := os.Stat(l.File); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A set from the form is the set that was written, for every kind of rule.
func TestFormAgreesWithOracle(t *testing.T) {
	for seed := range uint64(40) {
		r := newRandomRules(t, seed)
		set, o, parts := r.lists(t, 1+r.rng.IntN(12), 120, 3)
		form := set.appendForm(nil, parts)
		names, err := set.names.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeSet(form, names, set.lists)
		if err != nil {
			t.Fatal(err)
		}
		r.compare(t, again, o, 100)
		if again.Rules() != set.Rules() || again.Names() != set.Names() {
			t.Fatalf("%d rules, %d names, want %d, %d", again.Rules(), again.Names(), set.Rules(), set.Names())
		}
	}
}

// The file is of no use once anything that the set depends on is different.
func TestLoaderNoticesChanges(t *testing.T) {
	ctx := context.Background()
	sources := manySources()
	base := mustFingerprint(t, sources)
	for name, change := range map[string]func(s []Source) []Source{
		"name":     func(s []Source) []Source { s[0].Name = "other"; return s },
		"order":    func(s []Source) []Source { s[0], s[1] = s[1], s[0]; return s },
		"one less": func(s []Source) []Source { return s[:1] },
		"one more": func(s []Source) []Source { return append(s, text("more", "")) },
		"content":  func(s []Source) []Source { s[1].Open = text("", "||ads.example^\n").Open; return s },
		// The same bytes, cut elsewhere.
		"border": func(s []Source) []Source {
			a, b := content(t, s[0]), content(t, s[1])
			s[0].Open, s[1].Open = text("", a+b[:5]).Open, text("", b[5:]).Open
			return s
		},
	} {
		changed := change(manySources())
		if bytes.Equal(mustFingerprint(t, changed), base) {
			t.Errorf("%s: the fingerprint is the same", name)
		}
	}
	// Every option of a source counts, those to come included.
	typ := reflect.TypeFor[Source]()
	for i := range typ.NumField() {
		changed := manySources()
		switch f := reflect.ValueOf(&changed[1]).Elem().Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Uint8:
			f.SetUint(f.Uint() ^ 1)
		case reflect.String, reflect.Func:
			continue
		default:
			t.Fatalf("%s is of a kind that this test does not know", typ.Field(i).Name)
		}
		if bytes.Equal(mustFingerprint(t, changed), base) {
			t.Errorf("%s: the fingerprint is the same", typ.Field(i).Name)
		}
	}
	// The path is but a label.
	sources[1].Path = "elsewhere.txt"
	if !bytes.Equal(mustFingerprint(t, sources), base) {
		t.Error("path: the fingerprint is different")
	}
	l := Loader{File: filepath.Join(t.TempDir(), "compiled")}
	for _, used := range []bool{false, true} {
		_, reports, err := l.Load(ctx, sources)
		if err != nil || l.Used != used || reports[1].Path != "elsewhere.txt" {
			t.Errorf("%v, %+v, %q", err, l, reports[1].Path)
		}
	}
	sources[1].AllowWide = true
	if _, _, err := l.Load(ctx, sources); err != nil || l.Used || !l.Written {
		t.Errorf("%v, %+v", err, l)
	}
}

func content(t testing.TB, s Source) string {
	file, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustFingerprint(t testing.TB, sources []Source) []byte {
	t.Helper()
	print, err := fingerprintOf(context.Background(), sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	return print
}

// Whatever is at the file's place, the set is right and the file is right
// afterwards.
func TestLoaderReplacesBadFiles(t *testing.T) {
	ctx := context.Background()
	sources := manySources()
	l := Loader{File: filepath.Join(t.TempDir(), "compiled")}
	want, _, err := l.Load(ctx, sources)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(l.File)
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x10
		return b
	}
	length := func(n uint64) []byte {
		b := bytes.Clone(good)
		binary.LittleEndian.PutUint64(b[headerLen-8:], n)
		return b
	}
	for name, bad := range map[string][]byte{
		"empty":         {},
		"foreign":       []byte("||ads.example^\n"),
		"magic":         flipped(0),
		"version":       flipped(len(magic) - 1),
		"fingerprint":   flipped(len(magic)),
		"form":          flipped(headerLen + 5),
		"names":         flipped(len(good) - 100),
		"sum":           flipped(len(good) - 1),
		"cut header":    good[:headerLen-1],
		"header only":   good[:headerLen],
		"cut":           good[:len(good)/2],
		"cut sum":       good[:len(good)-1],
		"more":          append(bytes.Clone(good), 0),
		"length 0":      length(0),
		"length beyond": length(uint64(len(good))),
		"length huge":   length(1 << 63),
	} {
		if err := os.WriteFile(l.File, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		set, _, err := l.Load(ctx, sources)
		if err != nil || l.Used || !l.Written || set.Rules() != want.Rules() {
			t.Errorf("%s: %v, %+v", name, err, l)
		}
		if _, _, err := l.Load(ctx, sources); err != nil || !l.Used {
			t.Errorf("%s, the load after: %v, %+v", name, err, l)
		}
	}
}

func TestLoaderWithoutFile(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	small := []Source{text("small", "ads.example\n")}

	l := Loader{File: filepath.Join(dir, "compiled")}
	if set, _, err := l.Load(ctx, small); err != nil || set.Rules() != 1 || l.Used || l.Written || l.Trouble != nil {
		t.Errorf("small lists: %v, %+v", err, l)
	}
	if _, err := os.Stat(l.File); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file for small lists: %v", err)
	}

	l = Loader{File: filepath.Join(dir, "new", "compiled")}
	if _, _, err := l.Load(ctx, manySources()); err != nil || !l.Written {
		t.Errorf("no folder: %v, %+v", err, l)
	}
	l.File = filepath.Join(l.File, "compiled")
	set, _, err := l.Load(ctx, manySources())
	if err != nil || set.Rules() < minCompiled || l.Written || l.Trouble == nil || !strings.Contains(l.Trouble.Error(), "new") {
		t.Errorf("a file in place of the folder: %v, %+v", err, l)
	}
	if _, _, err := l.Load(ctx, small); err != nil || l.Trouble != nil {
		t.Errorf("trouble stays: %v, %+v", err, l)
	}

	l = Loader{}
	if set, _, err := l.Load(ctx, small); err != nil || set.Rules() != 1 {
		t.Errorf("no file: %v", err)
	}
}

// Bad sources are the same errors with a file and without.
func TestLoaderRefuses(t *testing.T) {
	ctx := context.Background()
	l := Loader{File: filepath.Join(t.TempDir(), "compiled")}
	if _, _, err := l.Load(ctx, manySources()); err != nil {
		t.Fatal(err)
	}
	gone := append(manySources(), Source{Name: "gone", Path: filepath.Join(t.TempDir(), "gone.txt")})
	for _, sources := range [][]Source{gone, {text("page", "<html>")}, {text("twin", ""), text("twin", "")}} {
		_, _, want := Load(ctx, sources)
		set, _, err := l.Load(ctx, sources)
		if set != nil || err == nil || want == nil || err.Error() != want.Error() {
			t.Errorf("%v, want %v", err, want)
		}
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if set, _, err := l.Load(stopped, manySources()); set != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, _, err := l.Load(ctx, manySources()); err != nil || !l.Used {
		t.Errorf("the file is gone: %v, %+v", err, l)
	}
}

// Damage that the checksum does not find, because somebody made it fit, ends in
// an error or in other rules.
func FuzzForm(f *testing.F) {
	r := newRandomRules(f, 1)
	for range 3 {
		set, _, parts := r.lists(f, 3, 40, 3)
		names, err := set.names.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(set.appendForm(nil, parts), names)
	}
	f.Add([]byte("\x00\x00\x00\x00\x01\x03abc\x01\x00\x01\x00"), []byte{}) // a rule of no kind
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{0xFF}, 40), []byte{0})
	f.Fuzz(func(t *testing.T, form, names []byte) {
		set, err := decodeSet(form, bytes.Clone(names), []string{"one", "two", "three"})
		if err != nil {
			return
		}
		for range 20 {
			q := r.query()
			set.MatchAll(q, set.All())
			set.Match(q, set.All())
			set.MatchAddr(r.addr(), q, set.All())
		}
		if set.Bytes() < 0 || set.Names() < 0 || set.Rules() < 0 {
			t.Error("negative")
		}
	})
}
