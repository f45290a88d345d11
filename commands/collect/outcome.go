package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// How long a connection is left alone after a failure that does not say.
const (
	firstPause = 30 * time.Second // after a hiccup; doubles with each one more
	longPause  = time.Hour        // the longest after hiccups; also after what only a person mends; if the pace is no longer
	showTime   = time.Minute      // after a token has died; by then the read side shows it
)

// errNoToken is a connection without a stored token.
var errNoToken = domain.NewError(domain.CodeNotFound, "There is no token for this connection: the person must sign in again.")

// settle records that a person must sign in again. Tried is when the tokens were looked up that were
// tried last: what a sign-in stored later was not tried, so the recorded time must not be after it, and what was
// there by then was, so the time must not be before it. A token that a sign-in brought
// and that is dead as well is recorded again, or it would be tried for ever.
func (r *round) settle(ctx context.Context, task domain.FetchTask, tried time.Time, err error) error {
	waits := task.ConnectionState == domain.ConnectionReconnect
	if !dead(err) || waits && !task.SignedInAgain() {
		return err
	}
	if task.SignedInAt != nil && task.SignedInAt.After(tried) { // by another clock
		tried = *task.SignedInAt
	}
	return errors.Join(err, r.changeState(ctx, task, domain.ConnectionReconnect, reasonFor(err), tried))
}

// works records that a connection works again, once the platform has answered a call with its token. To look
// at a token proves nothing, nor does a round in which there was nothing to ask.
func (r *round) works(ctx context.Context, task domain.FetchTask) error {
	if task.ConnectionState != domain.ConnectionReconnect || r.claim.Kind == domain.FetchTokens {
		return nil
	}
	return r.changeState(ctx, task, domain.ConnectionOK, "", r.clock())
}

// dead tells whether only a person can mend the connection.
func dead(err error) bool {
	return platforms.ClassOf(err) == platforms.ClassReconnect || errors.Is(err, errNoToken)
}

// changeState records, once per change, how a connection is. While it waits for a person it is left out,
// because its recorded state says so.
func (c *Collector) changeState(ctx context.Context, account domain.FetchTask, state, reason string, at time.Time) error {
	first, err := c.Marks.First(ctx, account.ConnectionID, state, account.StateAt)
	if err != nil || !first {
		return err
	}
	if account.StateAt != nil && !at.After(*account.StateAt) { // the newest by this time is what counts
		at = account.StateAt.Add(time.Microsecond)
	}
	draft := commands.NewDraft(domain.TopicOperations, account.ParentAccount, domain.ConnectionStateChanged{
		ConnectionID: account.ConnectionID, AccountID: account.AccountID, MemberID: account.MemberID,
		Platform: account.Platform, State: state, Reason: reason, At: at,
	}, c.clock())
	draft.Envelope.Audit.Actor = "system:fetcher"
	if err := c.Operations.Append(ctx, draft); err != nil {
		return fmt.Errorf("record that connection %d is %s: %w", account.ConnectionID, state, err) // the log may have it all the same
	}
	c.Logger.WarnContext(ctx, "connection changed its state", "connection", account.ConnectionID, "state", state, "reason", reason)
	return c.Marks.Recorded(ctx, account.ConnectionID, state, at)
}

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

// maxReason bounds a failure's own text, in bytes.
const maxReason = 500

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
