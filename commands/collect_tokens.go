package commands

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// lookAtTokens is the longest time between two looks at a token: its expiry may not be known, or may have
// been changed by a person who signed in again.
const lookAtTokens = day

// refreshAhead renews a connection's token if it expires soon, and says when to look again.
func (c *Collect) refreshAhead(ctx context.Context, f *fetch) (got fetched, err error) {
	stored, _, err := c.tokens.load(ctx, f.SecretRef)
	if err != nil {
		return got, err
	}
	ahead := c.RefreshAhead[f.Platform]
	if !stored.ExpiresAt.IsZero() && !c.Now().Add(ahead).Before(stored.ExpiresAt) {
		stored, err = c.tokens.renew(ctx, f, stored)
		if err != nil && !errors.Is(err, platforms.ErrNoRefresh) {
			return got, err
		}
	}
	next := c.clock().Add(lookAtTokens)
	if soon := stored.ExpiresAt.Add(-ahead); soon.Before(next) && soon.After(c.clock()) {
		next = soon
	}
	got.notBefore = new(next.UTC().Truncate(time.Microsecond))
	return got, nil
}
