package e2e

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The virtual addresses and the address of a host at its end of the TUN, as
// they are without a configuration.
const (
	virtual4 = "10.30.30.30"
	virtual6 = "fd30:30:30::30"
	ours4    = "10.30.30.1"
)

// reply is what dig shows of an answer.
type reply struct {
	raw       string   // all that dig printed
	status    string   // NOERROR and so on; empty when no answer came
	flags     []string // qr, aa, tc, rd, ra, ad, cd
	answer    []string // records, their fields apart by one space
	authority []string
	ede       []string // Extended DNS Errors: "15 (Blocked): (text)"
	transport string   // UDP or TCP
	size      int      // bytes of the message
	edns      bool     // has an OPT record
}

var (
	digHeader    = regexp.MustCompile(`(?m)^;; ->>HEADER<<- opcode: \S+, status: (\S+), id: \d+$`)
	digFlags     = regexp.MustCompile(`(?m)^;; flags: ([^;]*);`)
	digEDE       = regexp.MustCompile(`(?m)^; EDE: (.*)$`)
	digTransport = regexp.MustCompile(`(?m)^;; SERVER: \S+ \((\w+)\)$`)
	digSize      = regexp.MustCompile(`(?m)^;; MSG SIZE +rcvd: (\d+)$`)
)

// parseDig reads what dig printed for one question.
func parseDig(text string) reply {
	r := reply{raw: text, edns: strings.Contains(text, ";; OPT PSEUDOSECTION:")}
	first := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return ""
	}
	r.status = first(digHeader)
	r.flags = strings.Fields(first(digFlags))
	r.transport = first(digTransport)
	r.size, _ = strconv.Atoi(first(digSize))
	for _, m := range digEDE.FindAllStringSubmatch(text, -1) {
		r.ede = append(r.ede, m[1])
	}
	r.answer = digSection(text, "ANSWER")
	r.authority = digSection(text, "AUTHORITY")
	return r
}

// digSection returns the records of one section.
func digSection(text, name string) (records []string) {
	_, rest, found := strings.Cut(text, ";; "+name+" SECTION:\n")
	if !found {
		return nil
	}
	section, _, _ := strings.Cut(rest, "\n\n")
	for line := range strings.Lines(section) {
		records = append(records, strings.Join(strings.Fields(line), " "))
	}
	return records
}

// data returns the answers' data, without owner, TTL, class and type.
func (r reply) data() (data []string) {
	for _, record := range r.answer {
		data = append(data, strings.SplitN(record, " ", 5)[4])
	}
	return data
}

// ttl returns the first answer's TTL in seconds, -1 without an answer.
func (r reply) ttl() int {
	if len(r.answer) == 0 {
		return -1
	}
	ttl, err := strconv.Atoi(strings.Fields(r.answer[0])[1])
	if err != nil {
		return -1
	}
	return ttl
}

// has is whether a flag is set.
func (r reply) has(flag string) bool { return slices.Contains(r.flags, flag) }

// unreachable is whether the answer says that no upstream server could be
// reached, and why (RFC 8914: No Reachable Authority, Network Error).
func (r reply) unreachable() bool {
	return slices.ContainsFunc(r.ede, regexp.MustCompile(`^2[23] .*: \(.+\)$`).MatchString)
}

// dig asks once, and waits as long as stub resolvers do.
func (h *host) dig(args ...string) reply {
	h.t.Helper()
	// An exit code of dig's own (9: no answer) is seen as an empty status.
	out, _ := h.try("dig", append([]string{"+tries=1", "+time=5"}, args...)...)
	return parseDig(out)
}

// ask is dig for a question that must be answered with this status.
func (h *host) ask(status string, args ...string) reply {
	h.t.Helper()
	r := h.dig(args...)
	if r.status != status {
		h.t.Fatalf("dig %s: status %q, want %s\n%s", strings.Join(args, " "), r.status, status, r.raw)
	}
	return r
}

// blocked checks that a name is answered as blocked, by a reason that contains
// the given text.
func (h *host) blocked(name, reason string) {
	h.t.Helper()
	r := h.ask("NOERROR", "@"+virtual4, name)
	if data := r.data(); !slices.Equal(data, []string{"0.0.0.0"}) || r.ttl() != 10 {
		h.t.Errorf("%s is not blocked:\n%s", name, r.raw)
	}
	if len(r.ede) != 1 || !strings.HasPrefix(r.ede[0], "15 (Blocked)") || !strings.Contains(r.ede[0], reason) {
		h.t.Errorf("%s: EDE %q, want 15 (Blocked) with %q", name, r.ede, reason)
	}
}

// expected is what becomes of a question.
type expected struct {
	question string   // as arguments of dig
	status   string   // empty: nobody answers
	data     []string // of the answer section, in any order
	ede      string   // what the only Extended DNS Error has in it; empty: there is none
}

// expect asks the questions at the virtual IPv4 address.
func (h *host) expect(all ...expected) {
	h.t.Helper()
	for _, e := range all {
		r := h.dig(append([]string{"@" + virtual4}, strings.Fields(e.question)...)...)
		data := r.data()
		slices.Sort(data)
		slices.Sort(e.data)
		rightEDE := len(r.ede) == 0
		if e.ede != "" {
			rightEDE = len(r.ede) == 1 && strings.Contains(r.ede[0], e.ede)
		}
		if r.status != e.status || !slices.Equal(data, e.data) || !rightEDE {
			h.t.Errorf("dig %s: want status %q, data %q, EDE %q\n%s", e.question, e.status, e.data, e.ede, r.raw)
		}
	}
}

func TestParseDig(t *testing.T) {
	r := parseDig(`
; <<>> DiG 9.18 <<>> ads.example
;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 17161
;; flags: qr rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
; EDE: 15 (Blocked): (ads:3 ||ads.example^)
;; QUESTION SECTION:
;ads.example.			IN	A

;; ANSWER SECTION:
ads.example.		10	IN	A	0.0.0.0

;; Query time: 0 msec
;; SERVER: 10.30.30.30#53(10.30.30.30) (UDP)
;; WHEN: Sat Nov 22 10:00:00 UTC 2025
;; MSG SIZE  rcvd: 86

`)
	if r.status != "NOERROR" || !r.has("ra") || r.has("aa") || r.ttl() != 10 || !slices.Equal(r.data(), []string{"0.0.0.0"}) ||
		!slices.Equal(r.ede, []string{"15 (Blocked): (ads:3 ||ads.example^)"}) || r.transport != "UDP" || r.size != 86 || !r.edns || r.authority != nil {
		t.Errorf("%+v", r)
	}
	if r := parseDig(";; communications error to 10.30.30.30#53: timed out\n"); r.status != "" || r.ttl() != -1 {
		t.Errorf("%+v", r)
	}
}
