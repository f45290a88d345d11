package domain

import "time"

// FigureChange says that figures of a social account can be read anew. It is no event of the log: the
// projections tell it to listeners in the transaction that changes the rows, so that whoever hears of it
// reads what it is about.
type FigureChange struct {
	Tenant            // SocialAccount and MemberID are 0 when several of the account changed at once
	Platform Platform `json:"p_id"` // 0 with several
	Figures  Figures  `json:"figures"`

	// Connection is the connection that needs a sign-in; 0 where figures changed.
	Connection int64     `json:"connection_id,omitempty"`
	At         time.Time `json:"at,omitzero"` // since when it needs one
}

// Figures are what changed together.
type Figures string

// What may change.
const (
	FiguresOfAccount Figures = "account" // followers, engagement, reach: what is read of a social account
	FiguresOfPosts   Figures = "posts"   // posts, their metrics and growth
)

// NeedsSignIn stands for no figures: a connection cannot be read until a person signs in again.
const NeedsSignIn Figures = "sign_in"

// FigureChangeOf is what listeners to figures are told of an event; the zero value: nothing.
func FigureChangeOf(event Data) FigureChange {
	switch e := event.(type) {
	case ConnectionStateChanged:
		if e.State == ConnectionReconnect {
			tenant := Tenant{AccountID: e.AccountID, MemberID: e.MemberID}
			return FigureChange{Tenant: tenant, Platform: e.Platform, Figures: NeedsSignIn, Connection: e.ConnectionID, At: e.At.UTC()}
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

// FigureChanges are distinct changes in the order in which they came first. Its zero value is empty.
type FigureChanges struct {
	list []FigureChange
	has  map[FigureChange]bool
}

// maxNamedChanges is the number of social accounts that listeners are told by name.
const maxNamedChanges = 500

// Add takes a change in.
func (s *FigureChanges) Add(c FigureChange) {
	if s.has == nil {
		s.has = map[FigureChange]bool{}
	}
	if !s.has[c] {
		s.has[c] = true
		s.list = append(s.list, c)
	}
}

// List returns all changes.
func (s *FigureChanges) List() []FigureChange { return s.list }

// Named returns the changes as listeners are told of them: beyond 500, their accounts alone where figures changed.
func (s *FigureChanges) Named() []FigureChange {
	if len(s.list) <= maxNamedChanges {
		return s.list
	}
	var accounts FigureChanges
	for _, c := range s.list {
		if c.Figures != NeedsSignIn { // each is told of once
			c = FigureChange{Tenant: Tenant{ParentAccount: c.ParentAccount, AccountID: c.AccountID}, Figures: c.Figures}
		}
		accounts.Add(c)
	}
	return accounts.list
}
