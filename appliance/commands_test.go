package appliance

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"tundns/policy"
)

// commanded returns an appliance of which only the policy is there, with c as
// its configuration, and what sends it a command: the status and the text.
func commanded(t *testing.T, dir, conf string) (*Appliance, func(string) (int, string)) {
	t.Helper()
	a := &Appliance{log: slog.New(slog.DiscardHandler)}
	with := offline
	with.offline, with.pauses, with.fetches = false, &a.pauses, nobody{}
	r, err := compilePolicy(t.Context(), parse(t, dir, conf), with, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	a.current.Store(r)
	control := a.control()
	return a, func(command string) (int, string) {
		t.Helper()
		w := httptest.NewRecorder()
		control.ServeHTTP(w, httptest.NewRequest("POST", "/"+command, nil))
		var text string
		if err := json.Unmarshal(w.Body.Bytes(), &text); err != nil {
			t.Errorf("%s: %v in %q", command, err, w.Body)
		}
		return w.Code, text
	}
}

func TestPause(t *testing.T) {
	dir := write(t, "ads.txt", "ads.example\n")
	a, send := commanded(t, dir, "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n[[group]]\nname = \"kids\"\nclients = [\"10.0.2.0/24\"]\n")
	blocked := func(want ...bool) {
		t.Helper()
		for i, client := range []string{"10.0.2.1", "10.0.9.9"} {
			if v := judge(a.current.Load(), client, "ads.example"); (v.Action == policy.Block) != want[i] {
				t.Errorf("%s: %v", client, v.Action)
			}
		}
	}
	blocked(true, true)
	for _, step := range []struct {
		command    string
		text       string
		kids, rest bool // blocked
	}{
		{"pause?for=10m&group=kids", "client group kids: nothing is blocked until ", false, true},
		{"resume?group=kids", "blocking is in force for all client groups\n", true, true},
		{"pause?for=10m", "all client groups: nothing is blocked until ", false, false},
		{"pause?for=5m&group=kids", "client group kids: ", false, false},
		{"resume", "blocking is in force", true, true},
	} {
		code, text := send(step.command)
		if code != 200 || !strings.Contains(text, step.text) {
			t.Errorf("%s: %d %q", step.command, code, text)
		}
		blocked(step.kids, step.rest)
	}
	for command, want := range map[string]string{
		"pause?for=10m&group=nobody": "kids, default",
		"resume?group=nobody":        "kids, default",
		"pause?for=0s":               "more than 0",
		"pause?for=25h":              "at most 24h",
		"pause?for=soon":             "such as 10m",
		"refresh":                    "no list has a URL",
	} {
		if code, text := send(command); code != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q", command, code, text)
		}
	}
	blocked(true, true)
}

func TestRefreshCommand(t *testing.T) {
	_, send := commanded(t, t.TempDir(), "state = \"state\"\n[[list]]\nname = \"ads\"\nurl = \"https://lists.example/ads.txt\"\n")
	for command, want := range map[string]string{
		"refresh":             "nothing is fetched here", // the surroundings' way to say that there is no network
		"refresh?list=nobody": "no list with a URL is called \"nobody\"",
	} {
		if code, text := send(command); code != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q", command, code, text)
		}
	}
}
