package vault

import "time"

// ShortenLease gives leases another length, for tests that outlive one.
func ShortenLease(s *Secrets, length time.Duration) {
	s.lease = leaseTimes{length: length, every: length / 8, margin: length / 4}
}

// NewKey makes a key of bytes.
var NewKey = newKey
