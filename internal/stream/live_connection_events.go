package stream

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// SignInEvent tells that the platform refuses a connection until a person signs in again; its payload is [SignIn].
	// It is told once, when that was found, and of each connection by itself.
	SignInEvent = "connection_needs_sign_in"

	connectionsEvery = 10 * time.Second    // how often what befell connections is looked for
	missedAtMost     = 14 * 24 * time.Hour // how far back a stream that comes back is told of connections

	// shownWithin is how late a refusal may be seen: it bears the instant at which the collector met it, and is there when the
	// log's record of it was folded.
	shownWithin = 10 * time.Minute
)

// ConnectionNews is what befell a connection of an account.
type ConnectionNews struct {
	ParentAccount, AccountID string
	MemberID, ConnectionID   int64
	Platform                 domain.Platform
	At                       time.Time // when it is to be told
	// SignInBefore is the end that comes soon; nil: the platform refuses the connection already.
	SignInBefore *time.Time
}

// SignIn names a connection that the platform refuses until a person signs in again.
type SignIn struct {
	AccountID    string          `json:"account_id"`    // sub-account, 24 hex digits; "" where it is not known
	MemberID     *int64          `json:"member_id"`     // whose connection it is; null where it is not known
	ConnectionID int64           `json:"connection_id"` // the connection that the platform refuses
	Platform     domain.Platform `json:"p_id"`          // {platforms}
}

// connectionKey is what a listener is told of once.
type connectionKey struct {
	account    string
	connection int64
}

func (c ConnectionNews) key() connectionKey { return connectionKey{c.AccountID, c.ConnectionID} }

func refusalOf(c domain.FigureChange) ConnectionNews {
	return ConnectionNews{
		ParentAccount: c.ParentAccount, AccountID: c.AccountID, MemberID: c.MemberID, ConnectionID: c.Connection, Platform: c.Platform, At: c.At,
	}
}

func (c ConnectionNews) signIn() SignIn {
	return SignIn{c.AccountID, known(c.MemberID), c.ConnectionID, c.Platform}
}

// toldOf are the events of what befell connections of the given accounts, nil for all: of each the newest.
func toldOf(list []ConnectionNews, accounts []string) (events []event) {
	newest := map[connectionKey]ConnectionNews{}
	for _, c := range list {
		if before, seen := newest[c.key()]; (!seen || c.At.After(before.At)) && (accounts == nil || slices.Contains(accounts, c.AccountID)) {
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

// note notes what befell a connection, to be told by the next step. A refusal is told once: several sets of tables tell of one, before
// and after a switch, and each look finds it for a while. The caller holds the lock.
func (f *figures) note(c ConnectionNews) {
	if c.SignInBefore == nil {
		if !c.At.After(f.refused[c.key()]) {
			return
		}
		f.refused[c.key()] = c.At
	}
	f.befell = append(f.befell, c)
}

// lookAtConnections returns what befell connections of listening agencies, and up to when: which came near their end since the last
// look, and refused ones whose notification was lost, of which some were told already.
func (f *figures) lookAtConnections(ctx context.Context) (found []ConnectionNews, upTo time.Time) {
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
		f.hub.warn(ctx, "look at connections", err)
		return nil, after
	}
	return found, now
}

// missed is what befell connections of an agency after a stream of another process was told last, up to when this one looked. Refusals
// that were seen late may have been told to it already.
func (f *figures) missed(ctx context.Context, parent string, told, looked time.Time) ([]ConnectionNews, error) {
	if earliest := looked.Add(-missedAtMost); told.Before(earliest) {
		told = earliest
	}
	list, err := f.between(ctx, []string{parent}, told, looked)
	slices.SortStableFunc(list, func(a, b ConnectionNews) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ConnectionID, b.ConnectionID))
	})
	return list, err
}

// between is what befell connections of agencies after an instant and until another, with the refusals of before that may have been
// seen only since.
func (f *figures) between(ctx context.Context, parents []string, after, until time.Time) ([]ConnectionNews, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	list, err := f.store.ConnectionNews(ctx, parents, after.Add(-shownWithin), until)
	return slices.DeleteFunc(list, func(c ConnectionNews) bool { return c.SignInBefore != nil && !c.At.After(after) }), err
}

// EndsSoonEvent tells that a person must sign in for a connection before long; its payload is [EndsSoon]. It is told on
// [EndsSoonDays] before.
const EndsSoonEvent = "connection_ends_soon"

// EndsSoonDays are how many days before the end of a connection [EndsSoonEvent] is told.
func EndsSoonDays() []int { return []int{14, 7, 1} }

// EndsSoon names a connection that will be read no more unless a person signs in before an instant.
type EndsSoon struct {
	SignIn

	SignInBefore time.Time `json:"sign_in_before"` // UTC
}
