package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// resultOf returns the result of a reading to store, including the time when the connection is due
// again.
func (c *Collector) resultOf(
	ctx context.Context, f *fetch, startedAt time.Time, outcome fetched, err error,
) domain.FetchResult {
	result, now := outcome.FetchResult, c.clock()
	result.SocialAccount, result.At, result.Read, result.Listing = f.SocialAccount, now, err == nil, f.listed
	if f.TokenTakenAt != nil && f.TokenTakenAt.Before(now.Add(domain.WrongClock)) {
		result.TokenTakenAt = *f.TokenTakenAt
	}
	if err == nil {
		if result.DueAt.IsZero() { // token checks set the time of the next check
			result.DueAt, result.Pace = nextDue(c.interval(f.queue.Kind), f.DueAt, startedAt), new(c.measured(f, now))
		}
		if outcome.incomplete != nil {
			why := outcome.incomplete
			result.Reason, result.Words = reasonOf(why, true), wordsOf(why)
			if !platforms.Refused(why) {
				result.DueAt = later(result.DueAt, now.Add(why.RetryAfter))
			}
		}
		return result
	}
	result.Failures = f.Failures + 1
	result.Reason, result.Words = reasonOf(err, f.answered || lasting(f.Failures)), wordsOf(err)
	result.DueAt = now.Add(c.pauseAfter(f, err))
	if kind := platforms.KindOf(err); kind == "" || kind.Temporary() { // the connection keeps its place
		result.NotBefore, result.DueAt = result.DueAt, earlier(f.DueAt, startedAt)
		if f.answered { // others come first with their next step
			result.DueAt = startedAt
		}
	}
	if platforms.Refused(err) { // the connection did not fail
		result.Failures = f.Failures
		if refusal := f.reading.Refusal(); refusal != nil && refusal.Quota.Calls > 0 {
			result.Pace = new(c.waited(ctx, f, refusal))
		}
	}
	return result
}

// Pauses after failures without a stated waiting time.
const (
	firstPause = 30 * time.Second // after a temporary error; doubles with each further one
	longPause  = time.Hour        // the longest after temporary errors; also after errors that only a person can fix
	showTime   = time.Minute      // after a token was refused permanently; by then the tables show it
)

func (c *Collector) pauseAfter(f *fetch, err error) time.Duration {
	longest, kind := longPause, platforms.KindOf(err)
	// A part that never works must not repeat the parts that work, and what repeating does not help
	// must not make more calls than readings. After a sign-in, everything is due.
	if f.answered || kind != "" && !kind.Temporary() {
		longest = max(longest, c.interval(f.queue.Kind))
	}
	switch {
	case platforms.Refused(err):
		return cmp.Or(platforms.RetryAfter(err), firstPause)
	case kind == domain.StatusThrottled:
		return platforms.RetryAfter(err)
	case dead(err):
		return showTime
	case outageOf(err) != "": // without a call, until the next one for the app
		return cmp.Or(platforms.RetryAfter(err), askAgain)
	case kind == domain.StatusPermission, kind == domain.StatusNotFound, kind == domain.StatusBlocked,
		kind == domain.StatusInvalid:
		return longest
	default: // a temporary error of the platform, the network or ourselves
		return max(platforms.RetryAfter(err), backOff(f.Failures, longest))
	}
}

func backOff(failures int, longest time.Duration) time.Duration {
	pause := firstPause
	for range failures {
		if pause *= 2; pause >= longest {
			return longest
		}
	}
	return pause
}

const maxWords = 500 // bytes

// wordsOf returns the platform's own text about a failure.
func wordsOf(err error) string { return domain.Storable(platforms.PlatformMessage(err), maxWords) }

// lasting reports whether failures have continued for more than an hour (see [backOff]).
func lasting(failures int) bool { return failures >= 7 }

// reasonOf returns what people must do about a failure. persists is whether a temporary failure may
// last: other calls work, or it has lasted already.
func reasonOf(err error, persists bool) *domain.StatusReason {
	code := platforms.StatusCodeOf(err)
	switch {
	case errors.Is(err, errNoToken):
		code = domain.StatusNoToken
	case persists && code == domain.StatusRetry && !platforms.Refused(err):
		code = domain.StatusLasting
	}
	return &domain.StatusReason{Code: cmp.Or(code, domain.StatusInternal), Answer: platforms.AnswerOf(err)}
}

const recordWithin = 10 * time.Second

// BatchAppender appends many records in one call and returns the result of each, like
// [commands.Appender].
type BatchAppender interface {
	AppendBatch(ctx context.Context, drafts []domain.Draft) []error
}

// Record appends facts in one call and returns their results in order: nil means that the fact is
// in the log, and an error with [domain.CodeInvalid] means that it can never be recorded. A refused
// fact does not affect the others. Canceling ctx does not stop Record, because the facts have used
// quota.
func Record(ctx context.Context, log BatchAppender, now time.Time, facts ...commands.Fact) []error {
	errs := make([]error, len(facts))
	drafts, places := make([]domain.Draft, 0, len(facts)), make([]int, 0, len(facts))
	for i, f := range facts {
		if errs[i] = check(f, now); errs[i] != nil {
			continue
		}
		draft := commands.NewDraft(domain.TopicMetrics, f.Key(), f, now)
		if c, ok := f.(contentAt); ok {
			draft = commands.ContentDraft(c.PostContent, c.At)
		}
		drafts, places = append(drafts, draft), append(places, i)
	}
	if len(drafts) == 0 {
		return errs
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	for n, err := range log.AppendBatch(ctx, drafts) {
		if err != nil {
			errs[places[n]] = fmt.Errorf("record %s: %w", drafts[n].Data.EventType(), err)
		}
	}
	return errs
}

type contentAt struct {
	domain.PostContent
	At time.Time
}

func (c contentAt) Captured() time.Time { return c.At }

// check refuses facts that a fold would refuse, and times in the future. Folds must not use a
// clock, so no other check stops a reading from the future, which would remain the latest until
// then.
func check(f commands.Fact, now time.Time) error {
	if at := f.Captured(); at.After(now.Add(commands.MaxSkew)) {
		return domain.NewError(domain.CodeInvalid,
			"The capture time %s is in the future (now %s). Check the clock of the machine that read the account.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if err := f.Validate(); err != nil {
		return domain.NewError(domain.CodeInvalid, "The reading cannot be recorded: %s.", err)
	}
	return nil
}

// recording returns a context for storing a platform's response, even after the claim has expired.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
}
