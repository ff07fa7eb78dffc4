package blocklists

import (
	"bytes"
	"os"
	"testing"
)

// count is a sink that only counts.
type count struct{ rules, skipped int }

func (c *count) rule(*parsed) { c.rules++ }

func (c *count) skip(reason) { c.skipped++ }

// plainLines are the lines that lists consist of, by format.
var plainLines = map[Format][]string{
	Hosts:   {"0.0.0.0 ads.example.com", "127.0.0.1\twww.Ads-1.example.com # why", "# comment", ":: ads.example.com"},
	Domains: {"ads.example.com", "*.ads.example.com", "www.Ads_1.example.com # why", "=ads.example.com"},
	Adblock: {"||ads.example.com^", "@@||ads.example.com^", "|ads.example.com^", "! comment", "ads.example.com##.banner", "||a.example^$third-party", "||ads.example.com^$important"},
	Dnsmasq: {"address=/ads.example.com/#", "address=/ads.example.com/0.0.0.0", "server=/ads.example.com/", "local=/ads.example.com/"},
	Unbound: {`local-zone: "ads.example.com." always_null`, "local-zone: ads.example.com refuse", "server:"},
	RPZ:     {"ads.example.com CNAME .", "*.ads.example.com CNAME .", "ads.example.com 60 IN CNAME *.", "$TTL 60", "; comment"},
}

func TestLineAllocatesNothing(t *testing.T) {
	for format, lines := range plainLines {
		out := new(count)
		r := newReader(&Source{}, format, new(interned), out)
		for _, line := range lines {
			text := []byte(line)
			r.line(1, text) // what stays is made by the first one
			if n := testing.AllocsPerRun(100, func() { r.line(1, text) }); n != 0 {
				t.Errorf("%v %q: %v allocations", format, line, n)
			}
		}
		if r.end(); out.rules == 0 {
			t.Errorf("%v: no rules", format)
		}
	}
}

// BenchmarkLine reads the published lists line by line, and a policy zone of
// their names: what the parsers take of the time to load a list.
func BenchmarkLine(b *testing.B) {
	for _, s := range realLists(b) {
		content, err := os.ReadFile(s.Path)
		if err != nil {
			b.Fatal(err)
		}
		in, err := newLines(bytes.NewReader(content))
		if err != nil {
			b.Fatal(err)
		}
		first, err := hold(in)
		if err != nil {
			b.Fatal(err)
		}
		format := guess(first)
		b.Run(s.Name, func(b *testing.B) { benchmarkLines(b, format, bytes.Split(content, []byte("\n"))) })
		if format == Domains && !bytes.Contains(content, []byte("\n*.")) {
			zone := bytes.ReplaceAll(content, []byte("\n"), []byte(" CNAME .\n"))
			b.Run("names.rpz", func(b *testing.B) { benchmarkLines(b, RPZ, bytes.Split(zone, []byte("\n"))) })
		}
	}
}

func benchmarkLines(b *testing.B, format Format, lines [][]byte) {
	out := new(count)
	b.ReportAllocs()
	for b.Loop() {
		r := newReader(&Source{}, format, new(interned), out)
		for i, line := range lines {
			r.line(i+1, line)
		}
		r.end()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/line")
	b.ReportMetric(float64(out.skipped)/float64(b.N), "skipped/op")
}
