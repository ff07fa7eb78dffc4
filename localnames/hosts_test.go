package localnames

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"tundns/dnswire"
)

func TestHosts(t *testing.T) {
	file := "\xEF\xBB\xBF# a hosts file\r\n" +
		"127.0.0.1 localhost localhost.localdomain\r\n" +
		"::1\tip6-localhost ip6-loopback localhost\n" +
		"255.255.255.255 broadcasthost\n" +
		"127.0.1.1 laptop.home.arpa laptop # this one\n" +
		"\n" +
		"192.168.1.5   NAS.home.arpa nas nas.home.arpa.\n" +
		"fd00::5 nas.home.arpa nas\n" +
		"::ffff:192.168.1.6 mapped\n" +
		"192.168.1.7 bücher.example\n" +
		"0.0.0.0 ads.example 0.0.0.0\n" +
		":: ads.example\n" +
		"fe80::1%eth0 router\n" +
		"router 192.168.1.1\n" +
		"192.168.1.8\n" +
		"192.168.1.9 a..b ok.example *.example " + strings.Repeat("l", 64) + " " + strings.Repeat("m", 2000) + " 192.168.1.9 a/b a\\.b .\n" +
		"192.168.1.10 alias.home.arpa\n" +
		"192.168.1.11 last\x00 nul.example"
	var b Builder
	for _, l := range []string{"alias.home.arpa CNAME nas.home.arpa", "5.2.168.192.in-addr.arpa PTR x"} {
		if err := b.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	report, err := b.Hosts("hosts", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	for _, p := range report.Problems {
		problems = append(problems, fmt.Sprintf("%d %.24s", p.Line, p.Reason))
	}
	want := []string{
		"13 has an address with a zo", "14 does not start with an a", "15 has no name",
		"16 is malformed: name \"a..b", "16 has the name \"*.example\"", "16 is malformed: name \"llll", "16 has a name of more than ", "16 has the address 192.168.",
		"16 has the name \"a/b\", whic", "16 has the name \"a\\\\.b\", wh", "16 has the root as a name",
		"17 stands beside a CNAME of", "18 has the name \"last\uFFFD\", wh",
	}
	if !reflect.DeepEqual(problems, want) {
		t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(problems, "\n"), strings.Join(want, "\n"))
	}
	report.Problems = nil
	if want := (Report{File: "hosts", Lines: 18, Names: 11, Ignored: 9, Skipped: 13}); !reflect.DeepEqual(report, want) {
		t.Errorf("%+v, want %+v", report, want)
	}
	n, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		"nas.home.arpa A":              "answer: nas.home.arpa. 300 A 192.168.1.5",
		"nas AAAA":                     "answer: nas. 300 AAAA fd00::5",
		"nas MX":                       "NODATA",
		"5.1.168.192.in-addr.arpa PTR": "answer: 5.1.168.192.in-addr.arpa. 300 PTR nas.home.arpa.; 5.1.168.192.in-addr.arpa. 300 PTR nas.",
		reverse6("fd00::5") + " PTR":   "answer: " + reverse6("fd00::5") + ". 300 PTR nas.home.arpa.; " + reverse6("fd00::5") + ". 300 PTR nas.",
		"1.1.0.127.in-addr.arpa PTR":   "answer: 1.1.0.127.in-addr.arpa. 300 PTR laptop.home.arpa.; 1.1.0.127.in-addr.arpa. 300 PTR laptop.",
		"mapped A":                     "answer: mapped. 300 A 192.168.1.6",
		"xn--bcher-kva.example A":      "answer: xn--bcher-kva.example. 300 A 192.168.1.7",
		"ok.example A":                 "answer: ok.example. 300 A 192.168.1.9",
		"nul.example A":                "answer: nul.example. 300 A 192.168.1.11",
		"alias.home.arpa AAAA":         "answer: alias.home.arpa. 300 CNAME nas.home.arpa.; nas.home.arpa. 300 AAAA fd00::5",
		"localhost A":                  "absent",
		"ads.example A":                "absent",
		"b A":                          "absent",
	} {
		if got := ask(t, n.Lookup, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	// The other way round the record is refused, with the reason.
	if err := b.Add("nas CNAME x"); err == nil {
		t.Error("a CNAME was added beside an address")
	}
}

func TestHostsErrors(t *testing.T) {
	broken := errors.New("broken disk")
	for name, c := range map[string]struct {
		file string
		want string
	}{
		"UTF-16LE": {"\xFF\xFE1\x00", "h: is in UTF-16: convert it to UTF-8"},
		"UTF-16BE": {"\xFE\xFF\x001", "h: is in UTF-16: convert it to UTF-8"},
	} {
		if _, err := new(Builder).Hosts("h", strings.NewReader(c.file)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	// What was read before the error is not in.
	for _, before := range []string{"", "192.0.2.1 a\n", strings.Repeat("192.0.2.1 a\n", maxHostsLine)} {
		var b Builder
		_, err := b.Hosts("h", io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v, want %v", len(before), err, broken)
		}
		if n, err := b.Build(); err != nil || n.Len() != 0 {
			t.Errorf("after %d bytes: %d names are in, %v", len(before), n.Len(), err)
		}
	}
}

func TestHostsLongLine(t *testing.T) {
	var b Builder
	long := "192.0.2.1" + strings.Repeat(" name", maxHostsLine)
	report, err := b.Hosts("h", strings.NewReader("192.0.2.1 a\n"+long+"\n192.0.2.2 b"))
	if err != nil || report.Lines != 3 || report.Names != 2 || report.Skipped != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if p := report.Problems[0]; p.Line != 2 || len(p.Text) > clipLimit || !strings.HasSuffix(p.Text, "…") {
		t.Errorf("%+v", p)
	}
}

func TestHostsProblemsAreBounded(t *testing.T) {
	report, err := new(Builder).Hosts("h", strings.NewReader(strings.Repeat("x\n", 1000)))
	if err != nil || report.Skipped != 1000 || len(report.Problems) != maxProblems {
		t.Errorf("%d skipped, %d shown, %v", report.Skipped, len(report.Problems), err)
	}
}

func FuzzHosts(f *testing.F) {
	for _, s := range []string{
		"", "/", "//", "||", "||^", "@@", "@@||^", "*.", ".", "=", "xn--", "\xEF\xBB\xBF", "\xFF\xFE1\x00", "127.0.0.1 localhost",
		"192.0.2.1 " + strings.Repeat("a", 64), "::1%lo a", "192.0.2.1 " + strings.Repeat("abc.", 64), "192.0.2.1 a\x00b", "192.0.2.1 a\r\n192.0.2.2 b#c\r",
		"fd00::5 *.x xn-- ü \xff =x", "0.0.0.0 x", "192.0.2.1\ta\n\n192.0.2.1", "192.0.2.1 a\u3002b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		var b Builder
		report, err := b.Hosts("h", strings.NewReader(file))
		n, bad := b.Build()
		if bad != nil {
			t.Fatal(bad)
		}
		if err != nil {
			if n.Len() != 0 {
				t.Fatalf("%v, yet %d names", err, n.Len())
			}
			return
		}
		if report.Names > 0 != (n.Len() > 0) || report.Lines > strings.Count(file, "\n")+1 || len(report.Problems) > min(report.Skipped, maxProblems) {
			t.Fatalf("%+v for %d names", report, n.Len())
		}
		for _, p := range report.Problems {
			if p.Line < 1 || p.Line > report.Lines || len(p.Text) > clipLimit || !utf8.ValidString(p.Text) || p.Reason == "" || len(p.Reason) > 8*dnswire.MaxName {
				t.Fatalf("%+v", p)
			}
		}
		for name, nd := range n.nodes {
			if again, err := dnswire.ParseName(name.String()); err != nil || again != name {
				t.Fatalf("%q is no name: %v", name, err)
			}
			for _, r := range nd.records {
				text(t, r)
			}
		}
	})
}

// Published blocklists in hosts format hold no local names.
func TestHostsOfABlocklist(t *testing.T) {
	dir := os.Getenv("TUNDNS_LISTS")
	if dir == "" {
		t.Log("TUNDNS_LISTS is not set: no published list is read")
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.hosts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		report, err := new(Builder).Hosts(path, f)
		f.Close()
		if err != nil || report.Names != 0 || report.Skipped != 0 || report.Ignored == 0 {
			t.Errorf("%+v, %v", report, err)
		}
	}
}

func BenchmarkHosts(b *testing.B) {
	var file strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&file, "10.%d.%d.%d host%d.home.arpa host%[4]d\n", i>>16, i>>8&255, i&255, i)
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		var builder Builder
		if _, err := builder.Hosts("h", strings.NewReader(file.String())); err != nil {
			b.Fatal(err)
		}
		if n, err := builder.Build(); err != nil || n.Len() < 200000 {
			b.Fatal(n.Len(), err)
		}
	}
}
