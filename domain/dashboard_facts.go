package domain

import (
	"slices"
	"time"
)

// FactsNeed names what one decision must see.
type FactsNeed struct {
	ParentAccount  string
	Primary        string   // the account in the path
	Accounts       []string // named in the body
	Users          []string // named in the body
	Subject        string   // with IdempotencyKey: whose earlier command to look for
	IdempotencyKey string   // as [Audit] has it; "": look for none
	Partition      int32    // of the agency's stream

	// Skip is the parked record that an operator wants to leave out; nil: a command. It is the one thing that a parked
	// stream takes, so that the view does not refuse it for that and has [FactsView.Parked].
	Skip *Position
}

// StreamHead is the end of an agency's stream: what the next record must name as its predecessor. The
// zero StreamHead is a stream without records.
type StreamHead struct {
	Version int64     // 0: no record yet
	Hash    [32]byte  // of the last record; without records, what is stored is the stream's genesis hash
	Time    time.Time // of the last record; the next one must be later
}

// FactsView is one consistent look at an agency: facts and head of one moment.
type FactsView struct {
	Facts DashboardFacts
	Head  StreamHead
	// Earlier is the command that already came under the same idempotency key, if any.
	Earlier *EarlierCommand
	// Refusal says why the stream takes no command now (parked, paused, rebuilding); "" when it does.
	Refusal string
	// Parked is what a skip must see, nil without [FactsNeed.Skip].
	Parked *ParkedFacts
	// Folded is the first offset of the stream's partition that these facts do not hold.
	Folded int64
}

// Settlement tells what became of a version of a stream.
type Settlement struct {
	Passed    bool   // the head has reached the version
	CommandID string // of the record that holds the version; "" when it was parked
}

// PointOfContactProducts are the product types whose orders make the person assigned to them a point of contact: the managed ones of the
// configuration, but for sites and listings, which nobody is asked about.
func PointOfContactProducts(managed []string) []string {
	return slices.DeleteFunc(slices.Clone(managed), func(product string) bool { return product == "site" || product == "listings" })
}

// CommandMemory is how long an idempotency key is remembered, in the time of an agency's records.
const CommandMemory = 24 * time.Hour

// EarlierCommand is a remembered command.
type EarlierCommand struct {
	RequestDigest string
	SubAccount    string
	Version       int64
}
