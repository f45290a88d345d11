package stream

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// EndsSoonEvent tells that a person must sign in for a connection before long; its payload is [EndsSoon]. It is told 14, 7
	// and 1 days before.
	EndsSoonEvent = "connection_ends_soon"

	connectionsEvery = 10 * time.Second    // how often what befell connections is looked for
	missedAtMost     = 14 * 24 * time.Hour // how far back a stream that comes back is told of connections
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

// EndsSoon names a connection that will be read no more unless a person signs in before an instant.
type EndsSoon struct {
	SignIn

	SignInBefore time.Time `json:"sign_in_before"` // UTC
}

// connectionKey is what a listener is told of once.
type connectionKey struct {
	account    string
	connection int64
}

func (c ConnectionNews) key() connectionKey { return connectionKey{c.AccountID, c.ConnectionID} }

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

// isNew tells whether nobody was told yet that a connection needs a sign-in since an instant. Several sets of tables tell of one,
// before and after a switch, and the look at them does too. The caller holds the lock.
func (f *figures) isNew(which connectionKey, since time.Time) bool {
	if !since.After(f.refused[which]) {
		return false
	}
	f.refused[which] = since
	return true
}

// lookAtConnections notes what befell connections of listening agencies since the last look: which come near their end, and
// refused ones whose notification was lost.
func (f *figures) lookAtConnections(ctx context.Context) {
	parents := f.listeners.parents()
	now := time.Now()
	f.mu.Lock()
	after := f.looked
	f.mu.Unlock()
	var found []ConnectionNews
	if len(parents) > 0 {
		if f.hub.Ready() != nil {
			return
		}
		query, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		var err error
		if found, err = f.store.ConnectionNews(query, parents, after, now); err != nil {
			f.hub.warn(ctx, "look at connections", err)
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = now
	for _, c := range found {
		if c.SignInBefore != nil || f.isNew(c.key(), c.At) {
			f.befell = append(f.befell, c)
		}
	}
}

// missed is what befell connections of an agency after a stream of another process was told last.
func (f *figures) missed(ctx context.Context, parent string, told time.Time) ([]ConnectionNews, error) {
	f.mu.Lock()
	until := f.looked
	f.mu.Unlock()
	if earliest := until.Add(-missedAtMost); told.Before(earliest) {
		told = earliest
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	list, err := f.store.ConnectionNews(ctx, []string{parent}, told, until)
	slices.SortStableFunc(list, func(a, b ConnectionNews) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ConnectionID, b.ConnectionID))
	})
	return list, err
}
