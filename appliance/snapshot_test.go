package appliance

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tundns/cache"
	"tundns/dnswire"
)

func TestSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	k := cache.Key{Name: dnswire.MustName("example.com"), Type: dnswire.TypeA, Class: dnswire.ClassIN}
	msg := dnswire.AppendQuestion(nil, 0, dnswire.FlagQR, dnswire.Question{Name: k.Name, Type: k.Type, Class: k.Class})
	msg = dnswire.AppendRR(msg, k.Name, k.Type, k.Class, 60, []byte{192, 0, 2, 1})
	dnswire.SetCount(msg, dnswire.Answer, 1)
	var log bytes.Buffer
	open := func() *Appliance {
		log.Reset()
		return &Appliance{cache: cache.New(cache.Options{StaleFor: time.Hour}), log: slog.New(slog.NewTextHandler(&log, nil))}
	}
	first := open()
	first.loadSnapshot(path)
	if log.Len() != 0 {
		t.Errorf("the first start says %s", &log)
	}
	first.cache.Put(k, msg, nil)
	first.saveSnapshot(path)
	second := open()
	second.loadSnapshot(path)
	if l := second.cache.Get(k); !l.Stale.Found() || l.Fresh.Found() || !strings.Contains(log.String(), "entries=1") {
		t.Errorf("%+v %s", l, &log)
	}
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := open()
	third.loadSnapshot(path)
	if !strings.Contains(log.String(), "not a cache snapshot") {
		t.Errorf("a damaged snapshot: %s", &log)
	}
	third.saveSnapshot(filepath.Join(path, "no folder"))
	if !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("a snapshot that cannot be written: %s", &log)
	}
}
