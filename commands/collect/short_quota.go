package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// spare has a connection read so that no call is spent for nothing, where the quota sets its pace.
func (r *round) spare(f *fetch) {
	if !f.pace.Short() {
		return
	}
	kind, known := f.Platform.Kind(f.AccountType)
	_, identifies := r.client.(platforms.Identifier)
	switch {
	case f.queue.Kind == domain.FetchPosts && known && kind.CallsOfPost > 0:
		f.client, f.keeps = sparing{r.client, r, f, kind.CallsOfPost}, true
	case f.queue.Kind == domain.FetchAccounts && !identifies: // one that does makes few calls, and must go on identifying
		f.client = sparing{r.client, r, f, 0}
	}
}

// historyTurn tells whether a connection whose quota sets its pace reads a part of its history in this turn and not its totals: a
// small quota never has room for both at once. Where the part had no room behind a reading it takes the next turn, and the turn
// after that is a reading's again.
func (c *Collector) historyTurn(f *fetch, now time.Time) bool {
	refused := f.BackfilledAt == nil && f.History.Class == string(platforms.ClassThrottled) && (f.History.NotBefore == nil || !now.Before(*f.History.NotBefore))
	return f.queue.Kind == domain.FetchAccounts && c.Backfill > 0 && f.pace.Short() && refused &&
		f.ReadAt != nil && now.Sub(*f.ReadAt) < f.pace.Every*3/2
}

// calls are those that must have room before this turn begins.
func (f *fetch) calls() int {
	if f.apart {
		return f.pace.Calls + 1 // the days of its followers are one more
	}
	return f.pace.Calls
}

// roomFor refuses what takes so many calls unless there is room for them, or as much as there can be.
func (c *Collector) roomFor(ctx context.Context, f *fetch, calls int) error {
	wait, err := c.Budget.Until(ctx, f.Platform, countedBy(f.ConnectedAccount), calls)
	switch {
	case err != nil:
		c.Logger.WarnContext(ctx, "a budget cannot be looked at", "social_account", f.SocialAccount, "error", err)
		return platforms.Refuse(platforms.ClassRetry, platforms.CodeQuota, "the budget of calls cannot be read", 0)
	case wait <= 0:
		return nil
	}
	return platforms.Refuse(platforms.ClassThrottled, platforms.CodeQuota, "the quota has no room for all calls now", wait)
}

// sparing is a client that begins no post that is read alone, and no part of a history, without room for its calls.
type sparing struct {
	platforms.Client
	r           *round
	f           *fetch
	callsOfPost int
}

// Account implements [platforms.Client].
func (s sparing) Account(ctx context.Context, t platforms.Target, req platforms.AccountRequest) (platforms.AccountSnapshot, error) {
	if req.Backfill {
		if err := s.r.roomFor(ctx, s.f, s.f.pace.Calls+1); err != nil { // as calls
			return platforms.AccountSnapshot{}, err
		}
	}
	return s.Client.Account(ctx, t, req)
}

// PostMetrics implements [platforms.Client].
func (s sparing) PostMetrics(ctx context.Context, t platforms.Target, posts []platforms.Post) (all []platforms.PostSnapshot, err error) {
	for _, post := range posts {
		if err := s.r.roomFor(ctx, s.f, s.callsOfPost); err != nil {
			return all, err
		}
		some, err := s.Client.PostMetrics(ctx, t, []platforms.Post{post})
		if all = append(all, some...); err != nil {
			return all, err
		}
	}
	return all, nil
}
