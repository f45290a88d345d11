package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// signInAhead is how long before the last day of a connection's tokens it is told: a person must be found who signs in
// again.
const signInAhead = 14 * day

// lookAhead tells of what a platform's accounts need before it is missed: persons who sign in, and our client's key.
func (c *Collector) lookAhead(ctx context.Context, platform domain.Platform, now time.Time) error {
	accounts, due, err := c.Connections.SignInsDue(ctx, platform, now, now.Add(signInAhead))
	if err != nil {
		return err
	}
	c.Observe.SignInsDue(platform, due)
	if set := c.Unkeyed[platform]; set != "" && accounts > 0 {
		if _, said := c.keySaid.LoadOrStore(platform, true); !said {
			c.Logger.ErrorContext(ctx, "tokens cannot be renewed: our client's key is missing",
				"platform", platform.String(), "accounts", accounts, "set", set)
		}
	}
	return nil
}

// warnOfEnd tells in the log that a person must sign in for a connection before long.
func (c *Collector) warnOfEnd(ctx context.Context, f *fetch, stored commands.StoredTokens) {
	if end := stored.SignInBefore(); !end.IsZero() && end.Before(c.clock().Add(signInAhead)) {
		c.Logger.WarnContext(ctx, "a person must sign in again: the token ends, gives no data, or cannot be renewed any more from then on",
			"before", end, "connection", f.ConnectionID, "platform", f.Platform.String())
	}
}
