package stream

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// SignInEvent reports that the platform refuses a connection until a person signs in again. Its
	// payload is [SignIn]. It is sent once per refusal, separately for each connection.
	SignInEvent = "connection_needs_sign_in"

	connectionsEvery = 10 * time.Second // interval of queries for connection events

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
			events = append(events, event{name: SignInEvent, id: figuresID, data: c.signIn()})
		default:
			events = append(events, event{name: EndsSoonEvent, id: figuresID, data: EndsSoon{c.signIn(), c.SignInBefore.UTC()}})
		}
	}
	return events
}

// readConnectionEvents returns the connection events of agencies with listeners since the last
// query: connections that expire soon, and refusals. It queries only if this is due or a refusal was
// notified. Refusals appear in the tables when their records are folded, so queries go back
// maxRefusalDelay, and the refusals that earlier queries returned are left out.
func (f *figures) readConnectionEvents(ctx context.Context, due bool) []ConnectionNews {
	parents, until := f.listeners.parents(), time.Now()
	f.mu.Lock()
	due, after := due || f.refused, f.eventsUntil
	f.mu.Unlock()
	if !due || len(parents) > 0 && f.hub.Ready() != nil {
		return nil
	}
	var found []ConnectionNews
	if len(parents) > 0 {
		ctx, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		var err error
		if found, err = f.store.ConnectionNews(ctx, parents, after.Add(-maxRefusalDelay), until); err != nil {
			f.hub.warn(ctx, "read connection events", err)
			return nil
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused, f.eventsUntil = false, until
	found = slices.DeleteFunc(found, func(c ConnectionNews) bool {
		if c.SignInBefore != nil {
			return !c.At.After(after)
		}
		if !c.At.After(f.announced[c.key()]) {
			return true
		}
		f.announced[c.key()] = c.At
		return false
	})
	maps.DeleteFunc(f.announced, func(_ connectionKey, at time.Time) bool { return !at.After(until.Add(-maxRefusalDelay)) })
	return found
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
