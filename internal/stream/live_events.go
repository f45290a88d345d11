package stream

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The events of a stream of figures. The second tells a stream its place before anything has changed, so
// that one that is cut early has an id to come back with.
const (
	FiguresEvent       = "figures_changed"
	FiguresCursorEvent = "live_cursor"
)

// Event says which figures changed.
type Event struct {
	All     bool     `json:"all"`     // anything may have changed: read everything anew
	Changes []Change `json:"changes"` // whose figures changed; empty with `all`
}

// Change says that figures of an account can be read anew.
type Change struct {
	AccountID string `json:"account_id"` // sub-account, 24 hex digits
	// MemberID is the owner of the social account; null when several changed at once.
	MemberID *int64 `json:"member_id"`
	// SocialAccountID is the social account; null when several changed at once.
	SocialAccountID *int64 `json:"social_account_id"`
	// Platform is that of the social account: 1 Facebook, 3 Instagram, 4 LinkedIn, 6 TikTok; null when
	// several changed at once.
	Platform *domain.Platform `json:"p_id"`
	Figures  domain.Figures   `json:"figures"`
}

// news is what an agency's listeners have not been told yet.
type news struct {
	all         bool
	changes     []domain.FigureChange
	connections []ConnectionNews
	upTo        int64
	looked      time.Time
}

// events are the parts of the news that are about the given accounts, nil for all: what befell connections, and which
// figures changed; false when none did.
func (n news) events(accounts []string) (connections []event, changes Event, some bool) {
	if n.all {
		return toldOf(n.connections, accounts), everything(), true
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
	return toldOf(n.connections, accounts), changes, len(changes.Changes) > 0
}

func everything() Event { return Event{All: true, Changes: []Change{}} }

func known[T ~int | ~int64](id T) *T {
	if id == 0 {
		return nil
	}
	return &id
}
