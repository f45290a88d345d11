package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

const (
	day = 24 * time.Hour
	// lateAfter is how long ago the last reading may be before the days since are asked for: without a
	// range platforms give the last day or two.
	lateAfter = 36 * time.Hour
	// lateMost is how many days are asked for at most.
	lateMost = 28 * day
)

// accounts reads the totals of connections.
type accounts struct{ *parts }

// accountReading reads one account's totals, and a part of its history until that is complete.
func (c accounts) accountReading(ctx context.Context, f *fetch) (got fetched, err error) {
	at := c.clock()
	if f.apart {
		return c.withHistory(ctx, f, at, fetched{apart: true}) // in the place of a reading
	}
	request := platforms.AccountRequest{Demographics: f.DemographicsAt == nil || at.Sub(*f.DemographicsAt) >= day}
	if f.ReadAt != nil && at.Sub(*f.ReadAt) > lateAfter {
		request.Since = f.ReadAt.Add(-day)
		if oldest := at.Add(-lateMost); request.Since.Before(oldest) {
			request.Since = oldest
		}
	}
	snapshot, err := f.client.Account(ctx, f.target, request)
	if err != nil {
		return got, err
	}
	err = errors.Join(Record(ctx, c.Log, c.Now(), domain.AccountRead{
		Tenant: f.Tenant, Platform: f.Platform, AccountType: f.AccountType, CapturedAt: at,
		Figures: snapshot.Figures, Missing: snapshot.Missing, Demographics: snapshot.Demographics,
	})...)
	if err != nil {
		return got, err
	}
	got.incomplete = snapshot.Incomplete
	got.Demographics = request.Demographics && snapshot.Incomplete == nil
	if f.BackfilledAt == nil && c.Backfill > 0 && snapshot.Incomplete == nil {
		return c.withHistory(ctx, f, at, got)
	}
	return got, nil
}

// withHistory reads a part of the history, too.
func (c accounts) withHistory(ctx context.Context, f *fetch, at time.Time, got fetched) (_ fetched, err error) {
	got.Backfilled, err = c.readHistory(quota.InBackground(ctx), f, at)
	got.Class, got.Reason = f.History.Class, f.History.Reason
	return got, err
}

// DefaultBackfill is that of the setting.
const DefaultBackfill = 28 * 24 * time.Hour

const (
	// longHistoryPause is the longest after failures: what is refused once a day costs no account its quota.
	longHistoryPause = day
)

// readHistory reads the history that a platform gives of an account, from the day before its first reading back,
// in readings of its own that are marked so: one part further, unless it is to wait. The error is of our own side
// only: what went wrong with the history is kept with it, and does not hold up the account's readings.
func (c accounts) readHistory(ctx context.Context, f *fetch, at time.Time) (complete bool, err error) {
	h := f.History
	until, oldest := at.Truncate(day), at.Add(-c.Backfill).Truncate(day)
	if h.From != nil {
		until = *h.From
	}
	if !until.After(oldest) {
		return true, nil
	}
	if h.NotBefore != nil && at.Before(*h.NotBefore) {
		return false, nil
	}
	since := until.Add(-f.Platform.Facts().HistoryPart)
	if since.Before(oldest) {
		since = oldest
	}
	from, failure := c.historyFrom(ctx, f, since, until)
	if failure == nil || ctx.Err() == nil { // one that was cut short is held against nobody
		h = c.afterHistory(ctx, f, failure)
	}
	if from.Before(until) {
		h.From = &from
	}
	storing, cancel := recording(ctx)
	defer cancel()
	f.History = h
	return failure == nil && !from.After(oldest), c.States.KeepHistory(storing, f.queue, f.SocialAccount, h, c.clock())
}

// historyFrom records the days from since on and before until, the newest first, and returns how far back it came.
func (c accounts) historyFrom(ctx context.Context, f *fetch, since, until time.Time) (from time.Time, err error) {
	snapshot, err := f.client.Account(ctx, f.target, platforms.AccountRequest{Since: since, Until: until, Backfill: true})
	if err == nil && snapshot.Incomplete != nil {
		err = snapshot.Incomplete
	}
	if err != nil {
		return until, fmt.Errorf("read the history from %s to %s: %w", since.Format(time.DateOnly), until.Add(-day).Format(time.DateOnly), err)
	}
	from = until
	for _, read := range f.byDay(snapshot.Figures, since, until) { // one by one: what is recorded has no gap
		if err := errors.Join(Record(ctx, c.Log, c.Now(), read)...); err != nil {
			return from, err
		}
		from = read.CapturedAt.Truncate(day)
	}
	return since, nil
}

// afterHistory is what is kept after a try.
func (c accounts) afterHistory(ctx context.Context, f *fetch, failure error) domain.FetchHistory {
	h := domain.FetchHistory{From: f.History.From}
	if failure == nil {
		return h
	}
	c.Logger.WarnContext(ctx, "history is not read", "social_account", f.SocialAccount, "error", failure)
	h.Failures, h.Class, h.Reason, h.Words = f.History.Failures, classOf(failure), reasonFor(failure), wordsOf(failure)
	pause := max(platforms.RetryAfter(failure), backOff(h.Failures, longHistoryPause))
	if !platforms.Refused(failure) {
		h.Failures++
	}
	h.NotBefore = new(c.clock().Add(pause))
	return h
}

// byDay makes a reading of each day of a history, captured at the day's last moment, the newest first.
// Figures without a day describe the present and stand in the live reading. Days out of the range are left out:
// platforms whose days begin at another hour give them.
func (f *fetch) byDay(figures []domain.Figure, since, until time.Time) []domain.AccountRead {
	days := map[time.Time][]domain.Figure{}
	for _, figure := range figures {
		begin, err := time.Parse(time.DateOnly, figure.Day)
		if err == nil && !begin.Before(since) && begin.Before(until) {
			days[begin] = append(days[begin], figure)
		}
	}
	reads := make([]domain.AccountRead, 0, len(days))
	for begin, figures := range days {
		reads = append(reads, domain.AccountRead{
			Tenant: f.Tenant, Platform: f.Platform, AccountType: f.AccountType,
			CapturedAt: begin.Add(day - time.Microsecond), Backfilled: true, Figures: figures,
		})
	}
	slices.SortFunc(reads, func(a, b domain.AccountRead) int { return b.CapturedAt.Compare(a.CapturedAt) })
	return reads
}
