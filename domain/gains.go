package domain

import "time"

// FigureChange tells listeners that figures of a social account have new values. Projections send
// it in the transaction that changes the rows.
type FigureChange struct {
	Tenant            // SocialAccount and MemberID are 0 if several social accounts of the account changed
	Platform Platform `json:"p_id"`              // 0 if several social accounts changed
	Figures  Figures  `json:"figures,omitempty"` // "" for a connection that needs a sign-in

	// Connection is the connection that needs a sign-in; 0 if figures changed. It only makes
	// listeners query the events of connections.
	Connection int64 `json:"connection_id,omitempty"`
}

// Figures names a group of figures that change together.
type Figures string

// The groups of figures.
const (
	FiguresOfAccount Figures = "account" // followers, engagement, reach: the figures of a social account
	FiguresOfPosts   Figures = "posts"   // posts, their metrics and growth
)

// FigureChangeOf returns the change to report to listeners for an event; the zero value for events
// that change nothing for them.
func FigureChangeOf(event Data) FigureChange {
	switch e := event.(type) {
	case ConnectionStateChanged:
		if e.Code != "" {
			tenant := Tenant{AccountID: e.AccountID, MemberID: e.MemberID}
			return FigureChange{Tenant: tenant, Platform: e.Platform, Connection: e.ConnectionID}
		}
	case AccountRead:
		return FigureChange{Tenant: e.Tenant, Platform: e.Platform, Figures: FiguresOfAccount}
	case PostRead:
		return FigureChange{Tenant: e.Tenant, Platform: e.Platform, Figures: FiguresOfPosts}
	case PostRegistered:
		return FigureChange{Tenant: e.Tenant, Platform: e.Platform, Figures: FiguresOfPosts}
	}
	return FigureChange{}
}

// FigureChanges is an ordered set of changes. Its zero value is empty.
type FigureChanges struct {
	list  []FigureChange
	known map[FigureChange]bool
}

// maxNamedChanges is the maximum number of changes that are reported by social account.
const maxNamedChanges = 500

// Add adds a change unless it is already in the set.
func (f *FigureChanges) Add(c FigureChange) {
	if f.known == nil {
		f.known = map[FigureChange]bool{}
	}
	if !f.known[c] {
		f.known[c] = true
		f.list = append(f.list, c)
	}
}

// List returns all changes.
func (f *FigureChanges) List() []FigureChange { return f.list }

// Named returns the changes to report to listeners. With more than 500 changes, figures are
// reported by account only.
func (f *FigureChanges) Named() []FigureChange {
	if len(f.list) <= maxNamedChanges {
		return f.list
	}
	var accounts FigureChanges
	for _, c := range f.list {
		if c.Connection == 0 { // connections are always reported one by one
			c = FigureChange{Tenant: Tenant{ParentAccount: c.ParentAccount, AccountID: c.AccountID}, Figures: c.Figures}
		}
		accounts.Add(c)
	}
	return accounts.list
}

// GainQuarter is the resolution at which gains of posts are summed. In every time zone, days begin
// at a multiple of it in UTC.
const GainQuarter = 15 * time.Minute

// newPost is how long before its account's first reading a post can be published and still start
// from zero, because its counts were negligible at that reading.
const newPost = 24 * time.Hour

// BeganAtZero decides [PostRead].FromZero: it reports whether the post was published after the
// first reading of its account for the agency, or at most 24 h before. It is false if either time
// is unknown.
func BeganAtZero(published, trackedSince *time.Time) bool {
	return published != nil && trackedSince != nil && !published.Before(trackedSince.Add(-newPost))
}
