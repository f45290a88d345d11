package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// lookAtTokens is the longest time between two looks at a token: its expiry may not be known, or may have
// been changed by a person who signed in again.
const lookAtTokens = day

// renewAfter is how old a token that renews itself must be to be renewed. One that came without its end is renewed then:
// the answer says when the new one ends.
const renewAfter = day

// refreshAhead renews a connection's token if it expires soon, asks what it may do, and says when to look again.
func (c *tokens) refreshAhead(ctx context.Context, f *fetch) (got fetched, err error) {
	stored, _, err := c.load(ctx, f.SecretRef)
	if err != nil {
		return got, err
	}
	ahead := f.Platform.Facts().RenewedAhead
	endless := stored.ExpiresAt.IsZero() && stored.OwnLogin && f.TokenTakenAt != nil
	if endless && !c.Now().Before(f.TokenTakenAt.Add(renewAfter)) || !stored.ExpiresAt.IsZero() && !c.Now().Add(ahead).Before(stored.ExpiresAt) {
		if stored, err = c.renew(ctx, f, stored); err != nil && !errors.Is(err, platforms.ErrNoRefresh) {
			return got, err
		}
	}
	inspected, err := c.inspect(ctx, f, stored)
	switch {
	case platforms.ClassOf(err) == platforms.ClassReconnect: // the platform's own word
		return got, err
	case err != nil:
		c.Logger.WarnContext(ctx, "what a token may do is not known", "connection", f.ConnectionID, "platform", f.Platform.String(), "error", err)
	}
	stored = inspected
	now := c.clock()
	c.warnOfEnd(ctx, f, stored)
	next := now.Add(lookAtTokens)
	soon := stored.ExpiresAt.Add(-ahead)
	if endless {
		soon = f.TokenTakenAt.Add(renewAfter)
	}
	if soon.Before(next) && soon.After(now) {
		next = soon
	}
	got.DueAt = next.UTC().Truncate(time.Microsecond)
	return got, nil
}

// signInAhead is how long before the last day of a connection's tokens it is told: a person must be found who signs in
// again.
const signInAhead = 14 * day

// lookAhead tells of what a platform's accounts need before it is missed: persons who sign in, and our client's key.
func (c *tokens) lookAhead(ctx context.Context, platform domain.Platform, now time.Time) error {
	accounts, due, err := c.Connections.SignInsDue(ctx, platform, now, now.Add(signInAhead))
	if err != nil {
		return err
	}
	c.metrics.signIns.WithLabelValues(platform.String()).Set(float64(due))
	if set := c.Unkeyed[platform]; set != "" && accounts > 0 {
		if _, said := c.keySaid.LoadOrStore(platform, true); !said {
			c.Logger.ErrorContext(ctx, "tokens cannot be renewed: our client's key is missing",
				"platform", platform.String(), "accounts", accounts, "set", set)
		}
	}
	return nil
}

// warnOfEnd tells in the log that a person must sign in for a connection before long.
func (c *tokens) warnOfEnd(ctx context.Context, f *fetch, stored commands.StoredTokens) {
	if end := stored.SignInBefore(); !end.IsZero() && end.Before(c.clock().Add(signInAhead)) {
		c.Logger.WarnContext(ctx, "a person must sign in again: the token ends, gives no data, or cannot be renewed any more from then on",
			"before", end, "connection", f.ConnectionID, "platform", f.Platform.String())
	}
}
