package appliance

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmptiedList: a list file that was emptied by accident keeps the old policy,
// one that lost most of its rules is told of.
func TestEmptiedList(t *testing.T) {
	const conf = "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n"
	var lines strings.Builder
	for i := range 120 {
		fmt.Fprintf(&lines, "||ads%03d.example^\n", i)
	}
	for _, tt := range []struct {
		name, was, is, conf string
		err, warn           string
	}{
		{"empty", "||ads.example^\n", "", conf, "is empty and had 1 rules", ""},
		{"a line end", "||ads.example^\n", "\r\n", conf, "is empty and had 1 rules", ""},
		{"emptied on purpose", "||ads.example^\n", "# nothing\n", conf, "", "rules=0"},
		{"empty before", "", "", conf, "", ""},
		{"configured anew", "||ads.example^\n", "", conf + "action = \"allow\"\n", "", ""},
		{"cut off", lines.String(), lines.String()[:lines.Len()/2], conf, "", "\"rules before\"=120"},
		{"a little less", lines.String(), lines.String()[:lines.Len()*9/10], conf, "", ""},
		{"a short one", "||a.example^\n||b.example^\n||c.example^\n", "||a.example^\n", conf, "", ""},
		{"longer", "||a.example^\n", lines.String(), conf, "", ""},
	} {
		dir := write(t, "ads.txt", tt.was)
		old, err := compilePolicy(t.Context(), parse(t, dir, conf), offline, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ads.txt"), []byte(tt.is), 0o600); err != nil {
			t.Fatal(err)
		}
		next, err := compilePolicy(t.Context(), parse(t, dir, tt.conf), offline, old)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil {
			continue
		}
		var log bytes.Buffer
		warnShrunk(slog.New(slog.NewTextHandler(&log, nil)), old, next)
		if (log.Len() > 0) != (tt.warn != "") || !strings.Contains(log.String(), tt.warn) {
			t.Errorf("%s: %q", tt.name, &log)
		}
	}
}

func TestEmptiedConfig(t *testing.T) {
	dir := write(t, "tundns.toml", "")
	full, empty := parse(t, dir, "[metrics]\nlisten = \"127.0.0.1:1\"\n"), parse(t, dir, "")
	if err := checkEmptiedConfig(full, empty); err == nil || !strings.Contains(err.Error(), "tundns.toml is empty") {
		t.Errorf("%v", err)
	}
	if err := checkEmptiedConfig(empty, parse(t, dir, "")); err != nil {
		t.Errorf("empty before: %v", err)
	}
	if err := os.WriteFile(empty.File, []byte("# the defaults\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkEmptiedConfig(full, empty); err != nil {
		t.Errorf("emptied on purpose: %v", err)
	}
}
