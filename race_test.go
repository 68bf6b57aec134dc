//go:build race

package winnow_test

func init() { raceDetector = true }
