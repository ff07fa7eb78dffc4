package tunnel

import (
	"testing"

	"go.uber.org/goleak"
)

// checkLeaks makes the test fail if goroutines that it started still run after its
// cleanups. It is called first, so that its own cleanup is the last one.
func checkLeaks(t *testing.T) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
