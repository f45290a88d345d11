package stream

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ServeFigures streams which figures of a verified listener have changed, until the client
// disconnects, its token expires, its access is lost or the hub stops. If it returns an error,
// nothing was written.
func (h *Hub) ServeFigures(w http.ResponseWriter, r *http.Request, listener Listener) error {
	accounts, err := listener.access(r.Context())
	if err != nil {
		return err
	}
	place, err := h.figures.listeners.add(listener)
	if err != nil {
		return err
	}
	defer h.figures.listeners.remove(place)
	f := &figureFeed{source: h.figures, listener: listener, accounts: accounts}
	f.position, f.queriedAt = h.figures.newest()
	last := lastEventID(r)
	resumed, before := f.resume(last)
	if !resumed && !before.IsZero() {
		if f.initial, err = h.figures.missed(r.Context(), listener.ParentAccount, before, f.queriedAt); err != nil {
			return err
		}
	}
	out := h.open(w, r)
	if out == nil {
		return nil
	}
	switch {
	case resumed: // what follows this position is sent when access was checked
		kick(place.wake)
		err = out.send(r.Context(), event{name: FiguresCursorEvent, id: last, data: map[string]any{}})
	case last == "":
		err = out.send(r.Context(), event{name: FiguresCursorEvent, id: f.id(), data: map[string]any{}})
	default: // the client may have missed changes of any figures
		events := append(newestEvents(f.initial, accounts), event{name: FiguresEvent, data: everything()})
		err = f.send(r.Context(), events, last, out)
	}
	if err == nil {
		h.serve(r.Context(), place, f, out)
	}
	return nil
}

type figureFeed struct {
	source    *figures
	listener  Listener
	accounts  []string // those that the listener may see, at the last check
	position  int64    // number of the last step sent
	queriedAt time.Time
	initial   []ConnectionNews // sent at the start; later queries may return the refusals again
}

// resume restores the position of an id. It returns false if this process does not know the id;
// then before is the time up to which the stream got connection events, or zero if the id does not
// contain one.
func (f *figureFeed) resume(id string) (resumed bool, before time.Time) {
	parts := strings.Split(id, ".")
	if len(parts) != 3 {
		return false, before
	}
	position, err := strconv.ParseInt(parts[1], 10, 64)
	milliseconds, err2 := strconv.ParseInt(parts[2], 10, 64)
	switch {
	case err != nil || err2 != nil || position < 0 || milliseconds < 0:
		return false, before
	case parts[0] != f.source.process || position > f.position:
		return false, time.UnixMilli(milliseconds)
	}
	f.position = position
	return true, before
}

// tell sends the changes of the accounts that the listener may see now. If access cannot be
// checked, the position does not change.
func (f *figureFeed) tell(ctx context.Context, _ bool, out output) error {
	n := f.source.since(f.listener.ParentAccount, f.position)
	n.connections = slices.DeleteFunc(n.connections, f.alreadySent)
	accounts, err := f.listener.access(ctx)
	if err != nil {
		return err
	}
	accessChanged := !slices.Equal(accounts, f.accounts)
	events, changes, anyFigures := n.events(accounts)
	if accessChanged {
		changes, anyFigures = everything(), true
	}
	if anyFigures {
		events = append(events, event{name: FiguresEvent, data: changes})
	}
	before := f.id()
	f.accounts, f.position, f.queriedAt = accounts, n.upTo, n.queriedAt
	return f.send(ctx, events, before, out)
}

// alreadySent reports whether the stream got this refusal, or a later one of the same connection,
// at its start.
func (f *figureFeed) alreadySent(c ConnectionNews) bool {
	return c.SignInBefore == nil && slices.ContainsFunc(f.initial, func(m ConnectionNews) bool {
		return m.SignInBefore == nil && m.key() == c.key() && !c.At.After(m.At)
	})
}

// send sends events that belong together. All except the last have the previous id (before), so
// that a client that is disconnected in between gets all of them again.
func (f *figureFeed) send(ctx context.Context, events []event, before string, out output) error {
	for i, e := range events {
		if e.id = before; i == len(events)-1 {
			e.id = f.id()
		}
		if err := out.send(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (f *figureFeed) id() string {
	return fmt.Sprintf("%s.%d.%d", f.source.process, f.position, f.queriedAt.UnixMilli())
}

// The events of a stream of figures. [FiguresCursorEvent] contains the position of a stream before
// its first change, so that a client that is disconnected early can resume.
const (
	FiguresEvent       = "figures_changed"
	FiguresCursorEvent = "live_cursor"
)

// Event says which figures changed.
type Event struct {
	All     bool     `json:"all"`     // whether anything may have changed: then read everything again
	Changes []Change `json:"changes"` // accounts whose figures changed; empty with `all`
}

// Change says that new figures of an account can be read.
type Change struct {
	AccountID string `json:"account_id"` // sub-account, 24 hex digits
	// MemberID is the owner of the social account; null if several changed at once.
	MemberID *int64 `json:"member_id"`
	// SocialAccountID is the social account; null if several changed at once.
	SocialAccountID *int64 `json:"social_account_id"`
	// Platform is the platform of the social account: {platforms}; null if several changed at once.
	Platform *domain.Platform `json:"p_id"`
	Figures  domain.Figures   `json:"figures"`
}

// news contains the changes of an agency after a position.
type news struct {
	all         bool
	changes     []domain.FigureChange
	connections []ConnectionNews
	upTo        int64
	queriedAt   time.Time
}

// events returns the connection events and changed figures of the given accounts; nil means all.
func (n news) events(accounts []string) (connections []event, changes Event, anyFigures bool) {
	if n.all {
		return newestEvents(n.connections, accounts), everything(), true
	}
	var visible domain.FigureChanges
	for _, c := range n.changes {
		if accounts == nil || slices.Contains(accounts, c.AccountID) {
			visible.Add(c)
		}
	}
	changes = Event{Changes: []Change{}}
	for _, c := range visible.Named() {
		changes.Changes = append(changes.Changes, Change{
			AccountID: c.AccountID, MemberID: known(c.MemberID), SocialAccountID: known(c.SocialAccount),
			Platform: known(c.Platform), Figures: c.Figures,
		})
	}
	return newestEvents(n.connections, accounts), changes, len(changes.Changes) > 0
}

func everything() Event { return Event{All: true, Changes: []Change{}} }

func known[T ~int | ~int64](id T) *T {
	if id == 0 {
		return nil
	}
	return &id
}
