package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// limitCalls wraps the client so that no call is wasted if the quota sets the pace.
func (r *round) limitCalls(f *fetch) {
	if !f.pace.Limited() {
		return
	}
	kind, known := f.Platform.Kind(f.AccountType)
	_, identifies := r.client.(platforms.Identifier)
	switch {
	case f.queue.Kind == domain.FetchPosts && known && kind.CallsOfPost > 0:
		f.callsOfPost, f.keepsPartial = kind.CallsOfPost, true
	// An Identifier makes few calls, and a limitedClient would not be one.
	case f.queue.Kind == domain.FetchAccounts && !identifies:
		f.client = limitedClient{r.client, r, f}
	}
}

// historyTurn reports whether this turn reads a part of the history instead of the totals. A small
// quota never has room for both, so a part that had no room after a reading gets the next turn.
func (c *Collector) historyTurn(f *fetch, now time.Time) bool {
	refused := f.BackfilledAt == nil && f.History.Reason != nil && f.History.Reason.Code.Kind() == domain.StatusThrottled &&
		(f.History.NotBefore == nil || !now.Before(*f.History.NotBefore))
	return f.queue.Kind == domain.FetchAccounts && c.Backfill > 0 && f.pace.Limited() && refused &&
		f.ReadAt != nil && now.Sub(*f.ReadAt) < f.pace.Every*3/2
}

// calls returns the number of calls that must be available before this turn begins.
func (f *fetch) calls() int {
	if f.historyOnly {
		return f.pace.Calls + 1 // one more, for the followers of each day
	}
	return f.pace.Calls
}

// roomFor returns an error unless the given number of calls is available, or as many as the quota
// allows at most.
func (c *parts) roomFor(ctx context.Context, f *fetch, calls int) error {
	if calls == 0 {
		return nil
	}
	wait, err := c.Budget.Until(ctx, f.Platform, countedBy(f.ConnectedAccount), calls)
	if err != nil {
		c.Logger.WarnContext(ctx, "read quota budget", "social_account", f.SocialAccount, "error", err)
		return platforms.Refuse(domain.StatusRetry, platforms.CodeQuota, "the quota budget cannot be read", 0)
	}
	if wait > 0 {
		return platforms.Refuse(
			domain.StatusOwnQuota, platforms.CodeQuota, "the quota does not allow all calls now", wait)
	}
	return nil
}

type limitedClient struct {
	platforms.Client
	r *round
	f *fetch
}

func (s limitedClient) Account(
	ctx context.Context, t platforms.Target, req platforms.AccountRequest,
) (platforms.AccountSnapshot, error) {
	if req.Backfill {
		if err := s.r.roomFor(ctx, s.f, s.f.pace.Calls+1); err != nil { // as in fetch.calls
			return platforms.AccountSnapshot{}, err
		}
	}
	return s.Client.Account(ctx, t, req)
}
