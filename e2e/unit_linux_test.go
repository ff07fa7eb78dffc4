package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestUnit has systemd judge the service's unit, as strictly as it can without
// running: it must be free of faults, and its exposure low.
func TestUnit(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze", "Debian package systemd")
	unit, err := os.ReadFile(filepath.Join(moduleRoot, "contrib", "tundns.service"))
	if err != nil {
		t.Fatal(err)
	}
	// The command must exist where the unit says.
	const installed = "/usr/local/bin/tundns"
	if !strings.Contains(string(unit), "\nExecStart="+installed+" up") {
		t.Errorf("the unit does not start %s", installed)
	}
	file := writeFile(t, "tundns.service", strings.ReplaceAll(string(unit), installed, tundns))

	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", file).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	// The scale goes from 0 to 10; systemd's own services with a network
	// stand between 2 and 4.
	const limit = 2.0
	match := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(string(out))
	if match == nil {
		t.Fatalf("systemd-analyze security shows no level:\n%s", out)
	}
	if exposure, err := strconv.ParseFloat(match[1], 64); err != nil || exposure > limit {
		t.Errorf("exposure %s, want %v at most\n%s", match[1], limit, out)
	}
}

// TestOneCapability runs tundns as the unit does: as an ordinary user, with
// CAP_NET_ADMIN and a /dev/net/tun that is open to all.
func TestOneCapability(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	script := `mount -t tmpfs -o mode=0755 none /dev/net
mknod -m 0666 /dev/net/tun c 10 200
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=+net_admin --bounding-set=-all,+net_admin --no-new-privs "$@"`
	if inUserNamespace(t) {
		// There is no other user here, and no device can be made.
		script = `exec setpriv --inh-caps=-all --bounding-set=-all,+net_admin --no-new-privs "$@"`
	}
	h.upCommand(exec.Command("unshare", "--mount", "sh", "-ec", script, "sh", tundns, "up"))
	h.blocked("doubleclick.net", ":")
}
