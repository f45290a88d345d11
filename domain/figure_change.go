package domain

// FigureChange says that figures of a social account can be read anew. It is no event of the log: the
// projections tell it to listeners in the transaction that changes the rows, so that whoever hears of it
// reads what it is about.
type FigureChange struct {
	Tenant            // SocialAccount and MemberID are 0 when several of the account changed at once
	Platform Platform `json:"p_id"` // 0 with several
	Figures  Figures  `json:"figures"`
}

// OfAccount is the change without what tells the social accounts of one sub-account apart.
func (c FigureChange) OfAccount() FigureChange {
	return FigureChange{Tenant: Tenant{ParentAccount: c.ParentAccount, AccountID: c.AccountID}, Figures: c.Figures}
}

// Figures are what changed together.
type Figures string

// What may change.
const (
	FiguresOfAccount Figures = "account" // followers, engagement, reach: what is read of a social account
	FiguresOfPosts   Figures = "posts"   // posts, their metrics and growth
)

// ChangesFigures is implemented by the events that change figures.
type ChangesFigures interface{ FigureChange() FigureChange }

// FigureChange implements [ChangesFigures].
func (e AccountRead) FigureChange() FigureChange {
	return FigureChange{e.Tenant, e.Platform, FiguresOfAccount}
}

// FigureChange implements [ChangesFigures].
func (e PostRead) FigureChange() FigureChange {
	return FigureChange{e.Tenant, e.Platform, FiguresOfPosts}
}

// FigureChange implements [ChangesFigures].
func (e PostRegistered) FigureChange() FigureChange {
	return FigureChange{e.Tenant, e.Platform, FiguresOfPosts}
}
