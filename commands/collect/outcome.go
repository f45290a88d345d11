package collect

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// judge says what becomes of a connection after a read that began at a time: what is stored, and when it is due again.
func (c *Collector) judge(ctx context.Context, f *fetch, began time.Time, got fetched, err error) domain.FetchResult {
	result, now := got.FetchResult, c.clock()
	result.SocialAccount, result.At, result.Read = f.SocialAccount, now, err == nil && !got.apart
	if f.TokenTakenAt != nil && f.TokenTakenAt.Before(now.Add(domain.WrongClock)) {
		result.TokenTakenAt = *f.TokenTakenAt
	}
	if f.pace.Every > 0 {
		result.Pace, result.CallsADay = f.pace.String(), f.pace.CallsADay()
	}
	if err == nil {
		if result.DueAt.IsZero() { // tokens say themselves when to look again
			result.DueAt = f.pace.Next(f.DueAt, began, f.ReadAt == nil, f.SocialAccount)
		}
		if got.incomplete != nil {
			result.Class, result.Reason, result.Words = string(got.incomplete.Class), reasonFor(got.incomplete), wordsOf(got.incomplete)
			if until := now.Add(got.incomplete.RetryAfter); !platforms.Refused(got.incomplete) && until.After(result.DueAt) {
				result.DueAt = until
			}
		}
		return result
	}
	result.Failures, result.Class, result.Reason, result.Words = f.Failures+1, classOf(err), reasonFor(err), wordsOf(err)
	result.DueAt = now.Add(c.pauseAfter(f, err))
	if platforms.Refused(err) {
		result.Failures = f.Failures // it was not even tried, which is held against nobody
		result.DueAt = c.afterOwnRefusal(ctx, f, began, result.DueAt)
	}
	return result
}

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

// maxReason bounds a failure's own text, in bytes.
const maxReason = 500

var advice = map[platforms.Class]string{
	platforms.ClassReconnect: "Connect the account again: a person must sign in at the platform.",
	platforms.ClassPermission: "Connect the account again and grant all permissions that are asked for; the person must be " +
		"an administrator of the page.",
	platforms.ClassThrottled: "Nothing need be done: it is read again when the quota has room. If that is often, set in LEDGERBOARD_QUOTAS " +
		"what the page of your app at the platform says, ask for more there, or read less often.",
	platforms.ClassRetry:    "Nothing need be done: it is tried again by itself.",
	platforms.ClassNotFound: "Look whether the page or profile still exists; if not, disconnect it.",
	platforms.ClassBlocked:  "The platform has blocked this for a breach of its policy: look into its own notices.",
	platforms.ClassInvalid: "This is a fault of the configuration or of this program: look at the settings of the " +
		"platform's address, version and client.",
}

// classOf names a failure for metrics and for who looks at a connection.
func classOf(err error) string {
	if class := platforms.ClassOf(err); class != "" {
		return string(class)
	}
	if errors.Is(err, errNoToken) {
		return string(platforms.ClassReconnect)
	}
	return "internal"
}

// wordsOf are the platform's own about a failure, as they may be stored.
func wordsOf(err error) string { return domain.Storable(platforms.Words(err), maxReason) }

// reasonFor is what a person reads about a connection: what was wrong, then what to do. It ends in the log of events, so it
// has the platform's code and never its words.
func reasonFor(err error) string {
	text := domain.Storable(err.Error(), maxReason)
	if advice := Advice(err); advice != "" {
		return strings.TrimSuffix(text, ".") + ". " + advice
	}
	return text
}

// Advice says what to do about a failure to read a connection; "" when nothing need be done.
func Advice(err error) string {
	if platforms.ClassOf(err) == platforms.ClassThrottled && !platforms.Refused(err) {
		return "Nothing need be done now: it is read again when the platform lets it. If that is often, its quota is smaller than LEDGERBOARD_QUOTAS says, or other " +
			"programs use it too: set what is left for this one, so that readings are spread over the day."
	}
	return advice[platforms.ClassOf(err)]
}
