package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// How long a connection is left alone after a failure that does not say.
const (
	firstPause = 30 * time.Second // after a hiccup; doubles with each one more
	longPause  = time.Hour        // the longest after hiccups; also after what only a person mends; if the pace is no longer
	showTime   = time.Minute      // after a token has died; by then the read side shows it
)

// afterOwnRefusal is when a reading is due again that our own gate refused in part or whole. Where the quota sets the pace, that
// is when there is room for it all: were it begun with room for one call, that call would be spent for nothing, and so
// would the next. One whose calls were spent so waits for its turn.
func (c *Collector) afterOwnRefusal(ctx context.Context, f *fetch, began, due time.Time) time.Time {
	if !f.pace.Short() {
		return due
	}
	wait, err := c.Budget.Until(ctx, f.Platform, countedBy(f.ConnectedAccount), f.calls())
	if err == nil && !f.keeps && f.meter.Calls() > 0 {
		wait = max(wait, f.pace.Next(f.DueAt, began, f.ReadAt == nil, f.SocialAccount).Sub(c.clock()))
	}
	if err != nil { // as it would be if nothing were left
		c.Logger.WarnContext(ctx, "a budget cannot be looked at", "social_account", f.SocialAccount, "error", err)
		wait = f.pace.Every
	}
	if room := c.clock().Add(wait); room.After(due) {
		return room
	}
	return due
}

// pauseAfter is how long a connection is left alone after a failure.
func (c *Collector) pauseAfter(f *fetch, err error) time.Duration {
	longest := longPause
	if f.pace.Short() { // what fails costs the quota no more than what is read
		longest = max(longest, f.pace.Every)
	}
	switch class := platforms.ClassOf(err); {
	case platforms.Refused(err):
		return max(platforms.RetryAfter(err), firstPause)
	case class == platforms.ClassThrottled:
		return platforms.RetryAfter(err)
	case dead(err):
		return showTime
	case class == platforms.ClassPermission, class == platforms.ClassNotFound, class == platforms.ClassBlocked,
		class == platforms.ClassInvalid:
		return longest
	default: // a hiccup of the platform, the network or our own side
		return max(platforms.RetryAfter(err), backOff(f.Failures, longest))
	}
}

// backOff doubles with each failure before, up to the longest.
func backOff(failures int, longest time.Duration) time.Duration {
	pause := firstPause
	for range failures {
		if pause *= 2; pause >= longest {
			return longest
		}
	}
	return pause
}
