package platforms

import "strconv"

// LimitBodies shortens what may be read of one answer.
func LimitBodies(c *Config, most int64) { c.maxBodyBytes = most }

// KeptPlaceNames learns so many names, and tells how many are kept and whether the last is.
func KeptPlaceNames(n int) (kept int, lastKnown bool) {
	names := newPlaceNames(Config{}.WithDefaults())
	for i := range n {
		id := strconv.Itoa(i)
		names.learn([]string{id}, map[string]string{id: "Place " + id})
	}
	return len(names.known), len(names.unknown([]string{strconv.Itoa(n - 1)})) == 0
}
