package domain

import (
	"fmt"
	"time"
)

const (
	// SilentAfter is how long readings must have been in vain: a day, but for the hour by which rounds of posts may come early, which
	// follows from it.
	SilentAfter = 23 * time.Hour
	// SilentLeast is how many: one connection that is tried twice says nothing about its platform.
	SilentLeast = 3
	// SilentFor is how long it counts after the last reading in vain: what is not read any more is not silent.
	SilentFor = 48 * time.Hour
)

// SourceReadings are what some readings said of one source of figures.
type SourceReadings struct {
	Platform Platform
	Kind     string    // [FetchAccounts], [FetchPosts], or the type of the posts: "photo", "reel", …
	Figures  bool      // one of them brought figures: the others do not count
	InVain   int       // that came back empty or were refused
	From, To time.Time // when the first and the last of those were
	Why      string    // of the last: our sentence with the platform's code
}

// SilentSource is a source of figures that has given none for a day: every reading came back empty or refused.
type SilentSource struct {
	Platform Platform
	Kind     string    // as of [SourceReadings]
	Since    time.Time // of the first reading in vain
	Readings int       // in vain since then
	Why      string    // of the last one: our sentence with the platform's code
}

// String is what anybody may read.
func (s SilentSource) String() string {
	return fmt.Sprintf("%s %s: none of %d readings since %s brought figures (%s)",
		s.Platform, s.Kind, s.Readings, s.Since.UTC().Format("2006-01-02 15:04 UTC"), s.Why)
}
