//go:build race

package e2e

// raceTests is whether the tests themselves run under the race detector.
const raceTests = true
