package vault

import "time"

// SetLease gives leases another length and rhythm.
func SetLease(s *Secrets, length, every time.Duration) {
	s.lease = leaseTimes{length: length, every: every, margin: length / 4}
}

// NewKey makes a key of bytes.
var NewKey = newKey
