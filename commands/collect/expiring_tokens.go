package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// lookAtTokens is the longest time between two looks at a token: its expiry may not be known, or may have
// been changed by a person who signed in again.
const lookAtTokens = day

// renewAfter is how old a token of Instagram login must be to be renewed. One that came without its end is renewed then:
// the answer says when the new one ends.
const renewAfter = day

// renewedAhead is how long before its expiry a token is renewed, on the platforms that renew any:
// TikTok's live two hours, the others' 60 days.
var renewedAhead = map[domain.Platform]time.Duration{
	domain.TikTok: 20 * time.Minute, domain.LinkedIn: 7 * day, domain.Instagram: 7 * day,
}

// refreshAhead renews a connection's token if it expires soon, asks what it may do, and says when to look again.
func (c *Collector) refreshAhead(ctx context.Context, f *fetch) (got fetched, err error) {
	stored, _, err := c.load(ctx, f.SecretRef)
	if err != nil {
		return got, err
	}
	ahead := renewedAhead[f.Platform]
	endless := stored.ExpiresAt.IsZero() && stored.InstagramLogin && f.TokenTakenAt != nil
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
