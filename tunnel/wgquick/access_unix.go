//go:build unix

package wgquick

import (
	"fmt"
	"io/fs"
)

// accessWarning returns what to say about a file's mode, "" when only its owner may use it.
func accessWarning(path string, mode fs.FileMode) string {
	if !mode.IsRegular() || mode.Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("%s: holds a private key, yet its mode %04o lets other users at it; run: chmod 600 %s", path, mode.Perm(), path)
}
