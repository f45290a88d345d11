package domain

import (
	"slices"
	"time"
)

// FactsNeed names the facts that one decision needs.
type FactsNeed struct {
	ParentAccount  string
	Primary        string   // the account in the path
	Accounts       []string // named in the body
	Users          []string // named in the body
	Subject        string   // with IdempotencyKey: the user whose earlier command to find
	IdempotencyKey string   // in the form of [Audit].IdempotencyKey; "" to skip the lookup
	Partition      int32    // of the agency's stream

	// Skip is the parked record that an operator wants to skip; nil for other commands. A skip is
	// the only command that a parked stream accepts, so the view does not refuse it and sets
	// [FactsView.Parked].
	Skip *Position
}

// StreamHead is the end of an agency's stream, which the next record names as its predecessor. The
// zero StreamHead is a stream without records.
type StreamHead struct {
	Version int64     // 0: no record yet
	Hash    [32]byte  // of the last record; without records, the stream's genesis hash is stored
	Time    time.Time // of the last record; the next one must be later
}

// FactsView is one consistent view of an agency: its facts and stream head at one moment.
type FactsView struct {
	Facts DashboardFacts
	Head  StreamHead
	// Earlier is the earlier command with the same idempotency key, if any.
	Earlier *EarlierCommand
	// Refusal says why the stream accepts no commands now (parked, paused, rebuilding); "" if it
	// accepts them.
	Refusal string
	// Parked holds the facts for a skip; nil without [FactsNeed.Skip].
	Parked *ParkedFacts
	// Folded is the first offset of the stream's partition that is not included in these facts.
	Folded int64
}

// Settlement reports the outcome of a version of a stream.
type Settlement struct {
	Passed    bool   // the head has reached the version
	CommandID string // of the record with this version; "" if it was parked
}

// PointOfContactProducts returns the product types whose orders make the assigned person a point of
// contact: the configured managed products except sites and listings.
func PointOfContactProducts(managed []string) []string {
	return slices.DeleteFunc(slices.Clone(managed), func(product string) bool { return product == "site" || product == "listings" })
}

// CommandMemory is how long an idempotency key is remembered, measured by the times of an agency's
// records.
const CommandMemory = 24 * time.Hour

// EarlierCommand is a remembered command.
type EarlierCommand struct {
	RequestDigest string
	SubAccount    string
	Version       int64
}
