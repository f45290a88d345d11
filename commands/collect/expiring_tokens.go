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

// renewAfter is how old a token of Instagram login must be to be renewed. One that came without its end is renewed then:
// the answer says when the new one ends.
const renewAfter = day

// DefaultRefreshAhead is how long before its expiry a token is renewed, on the platforms that renew any:
// TikTok's live two hours, the others' 60 days.
func DefaultRefreshAhead() map[domain.Platform]time.Duration {
	return map[domain.Platform]time.Duration{
		domain.TikTok: 20 * time.Minute, domain.LinkedIn: 7 * day, domain.Instagram: 7 * day,
	}
}

// refreshAhead renews a connection's token if it expires soon, asks what it may do, and says when to look again.
func (c *Collector) refreshAhead(ctx context.Context, f *fetch) (got fetched, err error) {
	stored, _, err := c.load(ctx, f.SecretRef)
	if err != nil {
		return got, err
	}
	ahead := c.RefreshAhead[f.Platform]
	endless := stored.ExpiresAt.IsZero() && stored.InstagramLogin && f.TokenTakenAt != nil
	if endless && !c.Now().Before(f.TokenTakenAt.Add(renewAfter)) || !stored.ExpiresAt.IsZero() && !c.Now().Add(ahead).Before(stored.ExpiresAt) {
		before := stored
		stored, err = c.renew(ctx, f, stored)
		switch {
		case err != nil && !errors.Is(err, platforms.ErrNoRefresh):
			return got, err
		case err == nil && stored.AccessToken != before.AccessToken:
			ahead = c.aheadOf(ctx, f.Platform, stored)
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

// aheadOf is how long before its expiry a new token is renewed: as configured, and at most half of its lifetime.
// With more, it would always be due.
func (c *Collector) aheadOf(ctx context.Context, platform domain.Platform, renewed commands.StoredTokens) time.Duration {
	ahead, life := c.RefreshAhead[platform], renewed.ExpiresAt.Sub(c.clock())
	if renewed.ExpiresAt.IsZero() || ahead < life {
		return ahead
	}
	if _, said := c.aheadSaid.LoadOrStore(platform, true); !said {
		c.Logger.WarnContext(ctx, "tokens live no longer than they are to be renewed ahead of their end: they are renewed after "+
			"half of their life; make LEDGERBOARD_TOKEN_REFRESH_AHEAD shorter",
			"platform", platform.String(), "ahead", ahead, "life", life)
	}
	return life / 2
}
