package tunnel

import (
	"fmt"
	"regexp"
)

// keyText matches a key in base64, as configuration files have it, or in hexadecimal, as the
// UAPI protocol has it.
var keyText = regexp.MustCompile(`[A-Za-z0-9+/]{43}=|[0-9A-Fa-f]{64}`)

// withoutKeys returns a logf that hides keys. WireGuard's messages quote lines that came in
// by its socket and made no sense, and such a line may be somebody's configuration file. A
// nil logf discards.
func withoutKeys(logf func(format string, args ...any)) func(format string, args ...any) {
	if logf == nil {
		return func(string, ...any) {}
	}
	return func(format string, args ...any) {
		logf("%s", keyText.ReplaceAllLiteralString(fmt.Sprintf(format, args...), "(key)"))
	}
}
