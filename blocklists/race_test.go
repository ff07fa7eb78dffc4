//go:build race

package blocklists

func init() { raceDetector = true }
