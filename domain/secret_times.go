package domain

import "time"

// SecretTimes are what may be known of a stored secret by whoever cannot open it.
type SecretTimes struct {
	Taken   time.Time // when it was given
	Expires time.Time // when it ends; zero: never, or not known
	// RenewableUntil is when it cannot be renewed any more, or ends where it cannot be renewed at all; zero: never, or
	// not known.
	RenewableUntil time.Time
	// DataAccessUntil is when Meta gives no data with it any more; zero: other platforms, or not known.
	DataAccessUntil time.Time
	// Granted are the scopes that the platform says it has, in their order; nil: it was not asked, or does not say.
	Granted []string
}
