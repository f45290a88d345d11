//go:build !race

package eventlog_test

// underRace tells whether the race detector looks on.
const underRace = false
