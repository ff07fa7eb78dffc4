package cache

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

func TestForgetFailures(t *testing.T) {
	now := time.Unix(1000, 0)
	c := New(Options{Now: func() time.Time { return now }})
	failing := func(name, group string) Key {
		k := Key{Name: dnswire.MustName(name), Type: dns.TypeA, Class: dns.ClassINET, Group: group}
		msg := dnswire.AppendQuestion(nil, 0, dnswire.FlagQR|dnswire.RcodeServerFailure, dnswire.Question{Name: k.Name, Type: k.Type, Class: k.Class})
		if !c.Put(k, msg, nil) {
			t.Fatal("not kept")
		}
		return k
	}
	for range 4 { // so that it is remembered for MaxFailureTTL
		failing("old.example", "a")
		failing("old.example", "b")
		now = now.Add(4 * time.Second)
	}
	old, other := failing("old.example", "a"), failing("old.example", "b")
	for range 3 {
		failing("young.example", "a")
	}
	young := failing("young.example", "a")
	found := func(k Key) bool { return c.Get(k).Failure.Found() }

	now = now.Add(MinFailureTTL / 2)
	c.ForgetFailures("a")
	if !found(old) || !found(young) {
		t.Error("a failure was not remembered for MinFailureTTL")
	}
	now = now.Add(MinFailureTTL / 2)
	if found(old) || found(young) || !found(other) {
		t.Errorf("after MinFailureTTL: %t %t, the other group's %t; want only that", found(old), found(young), found(other))
	}
	again := failing("young.example", "a")
	now = now.Add(2 * MinFailureTTL)
	if found(again) {
		t.Error("the streak of failures went on")
	}
	again = failing("old.example", "b")
	now = now.Add(2 * MinFailureTTL)
	c.ForgetFailures("b")
	if found(again) {
		t.Error("a failure older than MinFailureTTL stayed")
	}
}
