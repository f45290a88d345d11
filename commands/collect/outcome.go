package collect

import (
	"context"
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
