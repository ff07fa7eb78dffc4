package resolver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/cache"
	"tundns/dnswire"
	"tundns/resolver/upstream"
)

// TestScenarios plays the scripts of testdata/scenarios on a whole resolver with
// cache and upstream groups, in virtual time. A script is a list of steps; lines
// that are indented belong to the step above, "#" begins a comment.
//
//	stale DURATION               how long stale answers may be used; before the first ask
//	server NAME [in GROUP]       a new server with the records below it; it takes 5 ms. The
//	                             first group is the default one. Before the first ask.
//	fastest                      the groups' strategy; before the first ask
//	block RULE                   policy; before the first ask
//	route DOMAIN… to GROUP       the routes from now on, in place of those before
//	NAME answers [after D]       the server's behaviour from now on, with new records if there
//	                             are any below
//	NAME BEHAVIOUR               one of the behaviours below
//	pass DURATION                time passes
//	ask NAME TYPE [+do …]        a client asks; below: rcode, outcome, Extended DNS Errors
//	                             ("ede 13,22") and the time it may take at most ("within
//	                             15ms"), then the answer section's records in order
//	ask N times NAME TYPE        the same N times at once
//	each D for D ask NAME TYPE   the same again and again; * in NAME becomes a number
//	asked NAME N[-M]             queries that the server got since the last such line for it
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "scenarios", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			steps := readScenario(t, file)
			synctest.Test(t, func(t *testing.T) {
				s := &scenario{t: t, servers: make(map[string]*actor), groups: make(map[string]*upstream.Group)}
				defer s.close()
				for _, st := range steps {
					s.line = fmt.Sprintf("%s:%d", file, st.line)
					s.do(st)
				}
			})
		})
	}
}

// step is one step of a scenario.
type step struct {
	line  int
	words []string
	body  []string // the indented lines
}

func readScenario(t *testing.T, file string) []step {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	for i, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case line[0] == ' ' && len(steps) > 0:
			last := &steps[len(steps)-1]
			last.body = append(last.body, strings.Join(strings.Fields(text), " "))
		default:
			steps = append(steps, step{line: i + 1, words: strings.Fields(text)})
		}
	}
	return steps
}

// scenario is a script at play.
type scenario struct {
	t        *testing.T
	line     string // of the step
	servers  map[string]*actor
	order    []*actor
	in       []string // the servers' groups, parallel to order
	strategy upstream.Strategy
	stale    time.Duration
	rules    []string
	routes   []Route
	groups   map[string]*upstream.Group
	resolver *Resolver
	counted  map[string]int64
	number   int
}

func (s *scenario) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf(s.line+": "+format, args...)
}

func (s *scenario) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.fatalf("%v", err)
	}
	return d
}

func (s *scenario) close() {
	if s.resolver != nil {
		s.resolver.Close()
	}
	for _, g := range s.groups {
		g.Close()
	}
}

// do carries out a step.
func (s *scenario) do(st step) {
	w := st.words
	switch {
	case w[0] == "stale" && len(w) == 2:
		s.stale = s.duration(w[1])
	case w[0] == "fastest":
		s.strategy = upstream.Fastest
	case w[0] == "block" && len(w) == 2:
		s.rules = append(s.rules, w[1])
	case w[0] == "server" && (len(w) == 2 || len(w) == 4 && w[2] == "in"):
		srv := &actor{name: w[1], delay: 5 * time.Millisecond, records: st.body}
		s.servers[w[1]] = srv
		s.order = append(s.order, srv)
		group := "default"
		if len(w) == 4 {
			group = w[3]
		}
		s.in = append(s.in, group)
	case w[0] == "route" && len(w) > 2 && w[len(w)-2] == "to":
		s.start()
		s.routes = nil
		for _, domain := range w[1 : len(w)-2] {
			s.routes = append(s.routes, route(domain, w[len(w)-1], s.groups[w[len(w)-1]]))
		}
		s.resolver.Swap(s.state())
	case w[0] == "pass" && len(w) == 2:
		time.Sleep(s.duration(w[1])) // the bubble's clock
	case w[0] == "each" && len(w) > 5 && w[2] == "for" && w[4] == "ask":
		s.repeat(s.duration(w[1]), s.duration(w[3]), w[5:], st.body)
	case w[0] == "ask" && len(w) > 4 && w[2] == "times":
		n, err := strconv.Atoi(w[1])
		if err != nil {
			s.fatalf("%v", err)
		}
		s.ask(n, w[3:], st.body)
	case w[0] == "ask" && len(w) > 2:
		s.ask(1, w[1:], st.body)
	case w[0] == "asked" && len(w) == 3:
		s.count(w[1], w[2])
	case s.servers[w[0]] != nil && len(w) > 1:
		s.behave(s.servers[w[0]], w[1:], st.body)
	default:
		s.fatalf("%q is no step", strings.Join(w, " "))
	}
}

// start makes the resolver at the first step that needs it.
func (s *scenario) start() {
	if s.resolver != nil {
		return
	}
	s.counted = make(map[string]int64)
	members := make(map[string][]upstream.Transport)
	for i, srv := range s.order {
		members[s.in[i]] = append(members[s.in[i]], srv)
	}
	for name, ts := range members {
		s.groups[name] = upstream.NewGroup(upstream.Options{Name: name, Transports: ts, Strategy: s.strategy})
	}
	s.resolver = New(Options{State: s.state(), Cache: cache.New(cache.Options{StaleFor: s.stale})})
}

func (s *scenario) state() State {
	first := "default"
	if len(s.in) > 0 {
		first = s.in[0]
	}
	st := State{Upstream: s.groups[first], Group: first, Routes: routes(s.t, s.routes...)}
	if len(s.rules) > 0 {
		st.Policy = rules(s.t, "null", s.rules...)
	}
	return st
}

func (s *scenario) behave(srv *actor, w []string, body []string) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if w[0] != "answers" {
		if behaviours[w[0]] == nil || len(w) > 1 {
			s.fatalf("%q is no behaviour", strings.Join(w, " "))
		}
		srv.does = w[0]
		return
	}
	srv.does, srv.delay = "", 5*time.Millisecond
	if len(w) == 3 && w[1] == "after" {
		srv.delay = s.duration(w[2])
	} else if len(w) > 1 {
		s.fatalf("%q is no behaviour", strings.Join(w, " "))
	}
	if len(body) > 0 {
		srv.records = body
	}
}

// count checks how many queries a server got.
func (s *scenario) count(name, want string) {
	srv := s.servers[name]
	if srv == nil {
		s.fatalf("no server %s", name)
	}
	low, high, ranged := strings.Cut(want, "-")
	if !ranged {
		high = low
	}
	least, err1 := strconv.ParseInt(low, 10, 64)
	most, err2 := strconv.ParseInt(high, 10, 64)
	if err1 != nil || err2 != nil {
		s.fatalf("%q is no number of queries", want)
	}
	synctest.Wait() // for what goes on in the background
	total := srv.asked.Load()
	if got := total - s.counted[name]; got < least || got > most {
		s.t.Errorf("%s: %s was asked %d times, want %s", s.line, name, got, want)
	}
	s.counted[name] = total
}

// repeat asks at a fixed distance, whatever becomes of the questions before.
func (s *scenario) repeat(distance, length time.Duration, question, body []string) {
	s.start() // before the questions share it
	var wg sync.WaitGroup
	for range length / distance {
		s.number++
		w := append([]string(nil), question...)
		w[0] = strings.ReplaceAll(w[0], "*", strconv.Itoa(s.number))
		expected := append([]string(nil), body...)
		for i := range expected {
			expected[i] = strings.ReplaceAll(expected[i], "*", strconv.Itoa(s.number))
		}
		wg.Go(func() { s.ask(1, w, expected) })
		time.Sleep(distance)
	}
	wg.Wait()
}

// ask asks n times at once and holds each answer against what is expected.
func (s *scenario) ask(n int, question, body []string) {
	s.start()
	if len(body) == 0 {
		s.fatalf("no answer is expected")
	}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			begun := time.Now()
			q := query(strings.Join(question, " "))
			a, err := s.resolver.Resolve(context.Background(), q)
			if err != nil {
				s.t.Errorf("%s: %v", s.line, err)
				return
			}
			s.check(unpack(s.t, appendReply(nil, q, a, dnswire.MaxMessage)), a.Outcome, time.Since(begun), body)
		})
	}
	wg.Wait()
}

// check compares an answer with the lines below its question.
func (s *scenario) check(m *dns.Msg, outcome Outcome, took time.Duration, body []string) {
	want := strings.Fields(body[0])
	codes, _ := ede(m)
	errs := strings.Trim(strings.ReplaceAll(fmt.Sprint(codes), " ", ","), "[]")
	got, expected := dns.RcodeToString[m.Rcode]+" "+outcome.String(), want[0]
	rest := want[1:]
	if len(rest) > 0 && rest[0] != "ede" && rest[0] != "within" {
		expected += " " + rest[0]
		rest = rest[1:]
	} else {
		got = dns.RcodeToString[m.Rcode]
	}
	wantErrs := ""
	for ; len(rest) > 1; rest = rest[2:] {
		switch rest[0] {
		case "ede":
			wantErrs = rest[1]
		case "within":
			if most := s.duration(rest[1]); took > most {
				s.t.Errorf("%s: the answer took %v, want at most %v", s.line, took, most)
			}
		default:
			s.fatalf("%q is no expectation", rest[0])
		}
	}
	if len(rest) > 0 {
		s.fatalf("%q is no expectation", rest[0])
	}
	_, records, _ := strings.Cut(summary(m), "; ")
	if wanted := strings.Join(body[1:], "; "); got != expected || errs != wantErrs || records != wanted {
		s.t.Errorf("%s: %s, EDE %q, answer %q; want %s, %q, %q", s.line, got, errs, records, expected, wantErrs, wanted)
	}
}
