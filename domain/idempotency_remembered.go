package domain

import (
	"time"
)

// CommandMemory is how long an idempotency key is remembered, in the time of an agency's records.
const CommandMemory = 24 * time.Hour

// EarlierCommand is a remembered command.
type EarlierCommand struct {
	RequestDigest string
	SubAccount    string
	Version       int64
}
