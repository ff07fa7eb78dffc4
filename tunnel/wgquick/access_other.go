//go:build !unix

package wgquick

import "io/fs"

// accessWarning has nothing to say where a file's mode does not tell who may read it.
func accessWarning(string, fs.FileMode) string { return "" }
