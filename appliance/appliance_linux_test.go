package appliance

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"tundns/config"
)

const inNamespace = "TUNDNS_APPLIANCE_TEST"

// ownNamespace reports whether this process has a network namespace of its own.
// If not, it runs the calling test once more in a process that has one, as root
// of a user namespace where it is not root, and reports false.
func ownNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	_, noTUN := os.Stat("/dev/net/tun")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Start()
	if err != nil || noTUN != nil {
		const reason = "needs /dev/net/tun and root or user namespaces"
		if os.Getenv("CI") == "true" {
			t.Fatal(reason, err, noTUN)
		}
		t.Skip(reason, err, noTUN)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	return false
}

// serveZone runs a DNS server on loopback that answers every A with 192.0.2.1.
func serveZone(t *testing.T) (addr string, asked *atomic.Int64) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int64)
	s := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2.1")
		m.Answer = append(m.Answer, rr)
		w.WriteMsg(m)
	})}
	done := make(chan struct{})
	go func() { s.ActivateAndServe(); close(done) }()
	t.Cleanup(func() { s.Shutdown(); <-done })
	return pc.LocalAddr().String(), asked
}

// lines is a log that can be waited on.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	added chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.added <- struct{}{}:
	default:
	}
	return len(b), nil
}

// wait waits for a line with the given text and returns all lines.
func (l *lines) wait(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		s := l.text.String()
		l.mu.Unlock()
		if strings.Contains(s, text) {
			return s
		}
		select {
		case <-l.added:
		case <-timeout:
			t.Fatalf("no %q in the log:\n%s", text, s)
		}
	}
}

func ask(t *testing.T, name string) *dns.Msg {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, dns.TypeA)
	q.SetEdns0(1232, false)
	c := dns.Client{Timeout: 10 * time.Second}
	m, _, err := c.Exchange(q, "10.30.30.30:53")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAppliance(t *testing.T) {
	if !ownNamespace(t) {
		return
	}
	ignore := goleak.IgnoreCurrent()
	upstream, asked := serveZone(t)
	dir := write(t, "ads.txt", "ads.example\n")
	path := filepath.Join(dir, "tundns.toml")
	conf := "[[upstream]]\nname = \"test\"\nservers = [\"udp://" + upstream + "\"]\n[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n[metrics]\nlisten = \"127.0.0.1:9153\"\n"
	rewrite := func(name, content string) {
		t.Helper()
		// By renaming, as editors do.
		if err := os.WriteFile(filepath.Join(dir, "new"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("tundns.toml", conf)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{added: make(chan struct{}, 1)}
	a, err := Start(Options{Config: c, Load: func() (*config.Config, error) { return config.Load(path) }, Version: "test", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var screen bytes.Buffer
	a.Screen(&screen)
	for _, want := range []string{"10.30.30.30 and fd30:30:30::30", "udp://" + upstream, "ads: 1 rules", "http://10.30.30.30/metrics and http://127.0.0.1:9153/metrics", "dig @10.30.30.30"} {
		if !strings.Contains(screen.String(), want) {
			t.Errorf("no %q on the screen:\n%s", want, screen.String())
		}
	}

	for range 2 {
		if m := ask(t, "example.com."); len(m.Answer) != 1 {
			t.Errorf("%s", m)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("%d upstream queries for a cached name", n)
	}
	blocked := func(name string) bool {
		m := ask(t, name)
		return len(m.Answer) == 1 && m.Answer[0].(*dns.A).A.Equal(net.IPv4zero)
	}
	if !blocked("x.ads.example.") || blocked("more.example.") {
		t.Error("the list is not in force")
	}

	rewrite("ads.txt", "ads.example\nmore.example\n")
	log.wait(t, `ads="2 rules, were 1"`)
	if !blocked("more.example.") {
		t.Error("a changed list is not in force")
	}
	rewrite("tundns.toml", "[cache]\nmax_byte = 1\n")
	if s := log.wait(t, "reload failed"); !strings.Contains(s, "tundns.toml:2:1: ") {
		t.Errorf("no place in the log:\n%s", s)
	}
	if !blocked("more.example.") {
		t.Error("a bad configuration emptied the policy")
	}
	rewrite("tundns.toml", strings.Replace(conf, "[[list]]", "[cache]\nmax_bytes = \"2MiB\"\n[[list]]", 1))
	log.wait(t, "setting=cache")
	log.wait(t, "msg=reloaded")
	if err := a.Reload(); err != nil {
		t.Error(err)
	}

	for _, url := range []string{"http://10.30.30.30/metrics", "http://[fd30:30:30::30]/metrics", "http://127.0.0.1:9153/metrics", "http://10.30.30.30/"} {
		web := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := web.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || !strings.Contains(string(body), "tundns") {
			t.Errorf("%s: %s\n%s", url, resp.Status, body)
		}
		for _, want := range []string{`tundns_list_rules{list="ads"} 2`, `tundns_reloads_total{result="failure"} 1`, `tundns_cache_hits_total{kind="positive"} 1`, `outcome="blocked",rcode="NOERROR"}`} {
			if strings.HasSuffix(url, "metrics") && !strings.Contains(string(body), want) {
				t.Errorf("%s: no %s", url, want)
			}
		}
	}

	a.Close()
	a.Close()
	if a.Reload() == nil {
		t.Error("a closed appliance reloads")
	}
	if links, err := netlink.LinkList(); err != nil || len(links) != 1 {
		t.Errorf("%d interfaces are left: %v", len(links), err)
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Dst: &net.IPNet{IP: net.IPv4(10, 30, 30, 30), Mask: net.CIDRMask(32, 32)}}, netlink.RT_FILTER_DST)
	if err != nil || len(routes) != 0 {
		t.Errorf("routes are left: %v %v", routes, err)
	}
	// What belongs to the test's own server and client.
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("github.com/miekg/dns.(*Server).serveUDP"), goleak.IgnoreAnyFunction("tundns/appliance.serveZone.func2"))
}

func TestInterfaceRemovedBySomebodyElse(t *testing.T) {
	if !ownNamespace(t) {
		return
	}
	a, err := Start(Options{Config: config.Default(), Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	link, err := netlink.LinkByName("tundns0")
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-a.Failed():
		if !strings.Contains(err.Error(), "tundns0") {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody noticed")
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	if !ownNamespace(t) {
		return
	}
	taken, err := net.Listen("tcp", "127.0.0.1:9153")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ignore := goleak.IgnoreCurrent()
	for name, break_ := range map[string]func(*config.Config){
		"metrics port": func(c *config.Config) { c.Metrics.Listen = "127.0.0.1:9153" },
		"list": func(c *config.Config) {
			c.Lists = []config.List{{Name: "x", Path: "/nonexistent", Format: "auto", Action: "block"}}
		},
		"interface": func(c *config.Config) { c.TUN.Name = "lo" },
	} {
		c := config.Default()
		break_(c)
		a, err := Start(Options{Config: c, Version: "test", Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			a.Close()
			t.Errorf("%s: started", name)
			continue
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %v", name, err)
		}
		if links, _ := netlink.LinkList(); len(links) != 1 {
			t.Errorf("%s: %d interfaces are left", name, len(links))
		}
	}
	goleak.VerifyNone(t, ignore)
}
