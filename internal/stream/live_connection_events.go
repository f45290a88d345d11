package stream

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// SignInEvent reports that the platform refuses a connection until a person signs in again. Its
	// payload is [SignIn]. It is sent once per refusal, separately for each connection.
	SignInEvent = "connection_needs_sign_in"

	connectionsEvery = 10 * time.Second    // interval of queries for connection events
	maxMissed        = 14 * 24 * time.Hour // how far back a reconnecting stream gets connection events

	// maxRefusalDelay is the maximum time from a refusal by the platform until queries return it,
	// which is when its record is folded.
	maxRefusalDelay = 10 * time.Minute
)

// ConnectionNews is an event of an account's connection.
type ConnectionNews struct {
	ParentAccount, AccountID string
	MemberID, ConnectionID   int64
	Platform                 domain.Platform
	At                       time.Time // when the event is due to be announced
	// SignInBefore is the time at which the connection expires. It is nil if the platform already
	// refuses the connection.
	SignInBefore *time.Time
}

// SignIn names a connection that the platform refuses until a person signs in again.
type SignIn struct {
	AccountID    domain.OptionalText `json:"account_id"`    // sub-account, 24 hex digits; null if unknown
	MemberID     *int64              `json:"member_id"`     // owner of the connection; null if unknown
	ConnectionID int64               `json:"connection_id"` // id of the refused connection
	Platform     domain.Platform     `json:"p_id"`          // {platforms}
}

type connectionKey struct {
	account    string
	connection int64
}

func (c ConnectionNews) key() connectionKey { return connectionKey{c.AccountID, c.ConnectionID} }

func (c ConnectionNews) signIn() SignIn {
	return SignIn{domain.OptionalText(c.AccountID), known(c.MemberID), c.ConnectionID, c.Platform}
}

// newestEvents returns the newest event of each connection of the given accounts; nil means all.
func newestEvents(list []ConnectionNews, accounts []string) (events []event) {
	newest := map[connectionKey]ConnectionNews{}
	for _, c := range list {
		before, exists := newest[c.key()]
		if (!exists || c.At.After(before.At)) && (accounts == nil || slices.Contains(accounts, c.AccountID)) {
			newest[c.key()] = c
		}
	}
	for _, c := range list {
		switch {
		case newest[c.key()] != c:
		case c.SignInBefore == nil:
			events = append(events, event{name: SignInEvent, data: c.signIn()})
		default:
			events = append(events, event{name: EndsSoonEvent, data: EndsSoon{c.signIn(), c.SignInBefore.UTC()}})
		}
	}
	return events
}

// note adds a connection event to the next step. It ignores a refusal that was already announced:
// during a switch, two generations notify of it, and queries return it for a while. The caller must
// hold the lock.
func (f *figures) note(c ConnectionNews) {
	if c.SignInBefore == nil {
		if !c.At.After(f.refused[c.key()]) {
			return
		}
		f.refused[c.key()] = c.At
	}
	f.connectionEvents = append(f.connectionEvents, c)
}

// readConnectionEvents returns connection events of agencies with listeners since the last query:
// connections that expire soon, and refusals, whose notifications may have been lost. Refusals may
// already have been announced. The events are complete up to the returned time.
func (f *figures) readConnectionEvents(ctx context.Context) (found []ConnectionNews, upTo time.Time) {
	parents := f.listeners.parents()
	now := time.Now()
	_, after := f.newest()
	if len(parents) == 0 {
		return nil, now
	}
	if f.hub.Ready() != nil {
		return nil, after
	}
	found, err := f.between(ctx, parents, after, now)
	if err != nil {
		f.hub.warn(ctx, "read connection events", err)
		return nil, after
	}
	return found, now
}

// missed returns the connection events of an agency after the last event of a stream of another
// process, up to the last query of this process. It may repeat refusals.
func (f *figures) missed(ctx context.Context, parent string, after, until time.Time) ([]ConnectionNews, error) {
	if earliest := until.Add(-maxMissed); after.Before(earliest) {
		after = earliest
	}
	list, err := f.between(ctx, []string{parent}, after, until)
	slices.SortStableFunc(list, func(a, b ConnectionNews) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ConnectionID, b.ConnectionID))
	})
	return list, err
}

// between returns the connection events of agencies in a time range. It includes refusals that are
// up to maxRefusalDelay older, because their records may have been folded in the range.
func (f *figures) between(ctx context.Context, parents []string, after, until time.Time) ([]ConnectionNews, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	list, err := f.store.ConnectionNews(ctx, parents, after.Add(-maxRefusalDelay), until)
	expiryBefore := func(c ConnectionNews) bool { return c.SignInBefore != nil && !c.At.After(after) }
	return slices.DeleteFunc(list, expiryBefore), err
}

// EndsSoonEvent reports that a person must sign in soon to keep a connection. Its payload is
// [EndsSoon]. It is sent [EndsSoonDays] before the connection expires.
const EndsSoonEvent = "connection_ends_soon"

// EndsSoonDays returns how many days before a connection expires [EndsSoonEvent] is sent.
func EndsSoonDays() []int { return []int{14, 7, 1} }

// EndsSoon names a connection that will no longer be read unless a person signs in before a given
// time.
type EndsSoon struct {
	SignIn

	SignInBefore time.Time `json:"sign_in_before"` // deadline for the sign-in, UTC
}
