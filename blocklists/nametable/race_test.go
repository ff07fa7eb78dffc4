//go:build race

package nametable

func init() { raceDetector = true }
