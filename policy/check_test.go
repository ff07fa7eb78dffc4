package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tundns/dnswire"
)

func TestCheck(t *testing.T) {
	set := lists(t, "ads", "ads.example\n@@||good.ads.example^\n", "more", "more.example\n")
	pauses := new(Pauses)
	pauses.Pause("", noon.Add(time.Hour))
	p, err := New(Options{Set: set, Pauses: pauses, now: func() time.Time { return noon }, Groups: []ClientGroup{
		{Name: "kids", Clients: prefixes("10.0.0.0/8"), SafeSearch: SafeBing, BlockedTypes: []uint16{65}, Lists: []string{"ads"},
			Schedules: []Schedule{always(Schedule{Everything: true}), always(Schedule{Lists: []string{"more"}})}},
		{Name: "default", Lists: []string{}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	kid := netip.MustParseAddr("10.0.0.7")
	name := dnswire.MustName
	good := []Test{ // whatever is paused or scheduled
		{Name: name("ads.example"), Client: kid, Expect: Blocked},
		{Name: name("ads.example"), Group: "kids", Expect: Blocked},
		{Name: name("ads.example"), Client: kid, Group: "kids", Expect: Blocked},
		{Name: name("good.ads.example"), Client: kid, Expect: Allowed},
		{Name: name("good.ads.example"), Type: 65, Client: kid, Expect: Blocked},
		{Name: name("other.example"), Client: kid, Expect: Allowed},
		{Name: name("more.example"), Client: kid, Expect: Allowed},
		{Name: name("www.bing.com"), Client: kid, Expect: Rewritten},
		{Name: name("ads.example"), Expect: Allowed},
		{Name: name("ads.example"), Client: netip.MustParseAddr("192.0.2.1"), Expect: Allowed},
	}
	for _, test := range good {
		if err := p.Check(&test); err != nil {
			t.Error(err)
		}
	}
	bad := []struct {
		test Test
		want string
	}{
		{Test{Name: name("ads.example"), Client: kid, Expect: Allowed}, "ads.example A for 10.0.0.7, group kids: expected allowed, but it is blocked: ads:1 ||ads.example^"},
		{Test{Name: name("good.ads.example"), Client: kid, Expect: Blocked}, "good.ads.example A for 10.0.0.7, group kids: expected blocked, but it is allowed: ads:2 @@||good.ads.example^"},
		{Test{Name: name("ads.example"), Type: 28, Expect: Blocked}, "ads.example AAAA for group default: expected blocked, but it is allowed: no rule matches"},
		{Test{Name: name("www.bing.com"), Group: "kids", Expect: Allowed}, "www.bing.com A for group kids: expected allowed, but it is rewritten: safe search: bing"},
		{Test{Name: name("x.example"), Group: "missing"}, `no client group is called "missing"`},
		{Test{Name: name("x.example"), Client: kid, Group: "default"}, "client 10.0.0.7 is in client group kids, not in default"},
	}
	for _, b := range bad {
		if err := p.Check(&b.test); err == nil || err.Error() != b.want {
			t.Errorf("%v, want %s", err, b.want)
		}
	}
}

func TestParseExpect(t *testing.T) {
	for _, x := range []Expect{Blocked, Allowed, Rewritten} {
		if got, err := ParseExpect(x.String()); err != nil || got != x {
			t.Errorf("%v: %v, %v", x, got, err)
		}
	}
	if x, err := ParseExpect("maybe"); err == nil || !strings.Contains(err.Error(), "want blocked, allowed or rewritten") || Expect(9).String() != "Expect(9)" {
		t.Error(x, err)
	}
}

func TestBlockedTypesRefused(t *testing.T) {
	for typ, want := range map[uint16]string{dnswire.TypeANY: "HINFO", 0: "no type of records", dnswire.TypeOPT: "no type", dnswire.TypeAXFR: "type AXFR", 130: "TYPE130"} {
		if _, err := New(Options{Groups: []ClientGroup{{Name: "default", BlockedTypes: []uint16{typ}}}}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `client group "default"`) {
			t.Errorf("%d: %v", typ, err)
		}
	}
	if _, err := New(Options{Groups: []ClientGroup{{Name: "default", BlockedTypes: []uint16{1, 28, 65, 256, 65280}}}}); err != nil {
		t.Error(err)
	}
}
