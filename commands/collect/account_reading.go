package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const (
	day = 24 * time.Hour
	// lateAfter is the age from which the last reading is so old that a reading requests all days
	// since then. Without a range, platforms return the last day or two.
	lateAfter = 36 * time.Hour
	// lateMost is the maximum length of the range that is requested.
	lateMost = 28 * day
)

type accounts struct{ *parts }

func (a accounts) accountReading(ctx context.Context, f *fetch) (result fetched, err error) {
	at := a.clock()
	reads := f.BackfilledAt == nil && a.Backfill > 0
	if a.historyFirst(f, at) {
		result, err = a.withHistory(ctx, f, at, result)
		if refusal := f.reading.Refusal(); err == nil && refusal != nil {
			err = refusal.Err()
		}
		if err != nil {
			return result, err
		}
		reads = false
	}
	if err := f.accountStep(ctx); err != nil {
		return result, err
	}
	request := platforms.AccountRequest{Demographics: f.DemographicsAt == nil || at.Sub(*f.DemographicsAt) >= day}
	if request.Demographics && f.DemographicsAt != nil {
		request.SettledSince = *f.DemographicsAt
	}
	if f.ReadAt != nil && at.Sub(*f.ReadAt) > lateAfter {
		request.Since = later(f.ReadAt.Add(-day), at.Add(-lateMost))
	}
	snapshot, err := f.client.Account(ctx, f.target, request)
	if err != nil {
		return result, err
	}
	err = errors.Join(Record(ctx, a.Log, a.Now(), AccountReading(f.ConnectedAccount, snapshot, at))...)
	if err != nil {
		return result, err
	}
	result.incomplete = snapshot.Incomplete
	failed := snapshot.Incomplete
	// A part that fails is requested again, with the demographics and the days that became final. One
	// that has failed for a day may always fail, and is then requested once a day.
	lasts := f.DemographicsAt == nil || at.Sub(*f.DemographicsAt) >= 2*day
	result.Demographics = request.Demographics && (failed == nil || lasts && len(snapshot.Demographics) > 0)
	// A metric that always fails must not keep the history from being read.
	if reads && (failed == nil || failed.Kind() != domain.StatusThrottled) {
		return a.withHistory(ctx, f, at, result)
	}
	return result, nil
}

// AccountReading returns the record of a reading of an account.
func AccountReading(account domain.ConnectedAccount, s platforms.AccountSnapshot, at time.Time) domain.AccountRead {
	return domain.AccountRead{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType, CapturedAt: at,
		Figures: s.Figures, Missing: s.Missing, Demographics: s.Demographics,
	}
}

func (a accounts) withHistory(ctx context.Context, f *fetch, at time.Time, result fetched) (_ fetched, err error) {
	result.Backfilled, err = a.readHistory(ctx, f, at)
	result.Reason = f.History.Reason
	return result, err
}

// DefaultBackfill is the default of the backfill setting.
const DefaultBackfill = 28 * day

// longHistoryPause is the longest pause after failures. One failing request a day uses little
// quota.
const longHistoryPause = day

// readHistory reads one more part of an account's history, going back from the day before its first
// reading, unless the next attempt is not due yet. Failures to read the history are stored with the
// account and do not delay its readings. The returned error concerns only our own storage.
func (a accounts) readHistory(ctx context.Context, f *fetch, at time.Time) (complete bool, err error) {
	h := f.History
	until, oldest := at.Truncate(day), at.Add(-a.Backfill).Truncate(day)
	if h.From != nil {
		until = *h.From
	}
	if !until.After(oldest) {
		return true, nil
	}
	if !f.historyDue(at) {
		return false, nil
	}
	// A part that fails is halved: one day can fail forever, and is then left out.
	part := max(day, (f.Platform.Facts().HistoryPart >> min(h.Failures, 8)).Truncate(day))
	since := later(until.Add(-part), oldest)
	last := part == day && lasting(h.Failures)
	from, failure := a.historyFrom(ctx, f, since, until, last)
	if failure == nil || ctx.Err() == nil { // a reading that was cut short is not a failure
		h = a.afterHistory(ctx, f, failure)
	}
	if last && platforms.AboutOf(failure) == platforms.AboutObject {
		from = since
	}
	if from.Before(until) {
		h.From = &from
	}
	storing, cancel := recording(ctx)
	defer cancel()
	f.History = h
	return !from.After(oldest), a.States.KeepHistory(storing, f.queue, f.SocialAccount, h, a.clock())
}

// historyFirst reports whether a part of the history comes before the reading. A small budget never
// has the calls of both, so a part that it refused after a reading comes before the next one.
func (p *parts) historyFirst(f *fetch, at time.Time) bool {
	return f.BackfilledAt == nil && p.Backfill > 0 && f.historyDue(at) &&
		f.History.Reason != nil && f.History.Reason.Code == domain.StatusOwnQuota
}

func (f *fetch) accountStep(ctx context.Context) error {
	kind := domain.CallsAccounts
	if f.ReadAt == nil {
		kind = domain.CallsUrgent
	}
	return f.step(ctx, kind, callsOf(domain.FetchAccounts, f.Platform, f.AccountType))
}

// historyStep takes one call more than a reading, for the followers of each day.
func (f *fetch) historyStep(ctx context.Context) error {
	return f.step(ctx, domain.CallsPosts, callsOf(domain.FetchAccounts, f.Platform, f.AccountType)+1)
}

func (f *fetch) historyDue(at time.Time) bool {
	return f.History.NotBefore == nil || !at.Before(*f.History.NotBefore)
}

// historyFrom records the days in [since, until), newest first, and returns the first day that is
// recorded. A last attempt also records days that lack some figures.
func (a accounts) historyFrom(
	ctx context.Context, f *fetch, since, until time.Time, last bool,
) (from time.Time, err error) {
	if err := f.historyStep(ctx); err != nil {
		return until, err
	}
	request := platforms.AccountRequest{Since: since, Until: until, Backfill: true}
	snapshot, err := f.client.Account(ctx, f.target, request)
	if err == nil && snapshot.Incomplete != nil && !last {
		err = snapshot.Incomplete
	}
	if err != nil {
		return until, fmt.Errorf("read the history from %s to %s: %w",
			since.Format(time.DateOnly), until.Add(-day).Format(time.DateOnly), err)
	}
	from = until
	// Record the days one by one, so that the recorded days have no gap.
	for _, read := range f.byDay(snapshot.Figures, since, until) {
		if err := errors.Join(Record(ctx, a.Log, a.Now(), read)...); err != nil {
			return from, err
		}
		from = read.CapturedAt.Truncate(day)
	}
	return since, nil
}

func (a accounts) afterHistory(ctx context.Context, f *fetch, failure error) domain.FetchHistory {
	h := domain.FetchHistory{From: f.History.From}
	if failure == nil {
		return h
	}
	a.Logger.WarnContext(ctx, "history not read", "social_account", f.SocialAccount, "error", failure)
	h.Failures, h.Words = f.History.Failures, wordsOf(failure)
	h.Reason = reasonOf(failure, true)
	pause := max(platforms.RetryAfter(failure), backOff(h.Failures, longHistoryPause))
	if !platforms.Refused(failure) {
		h.Failures++
	}
	h.NotBefore = new(a.clock().Add(pause))
	return h
}

// byDay returns one reading per day, captured at the last moment of the day, newest first. Figures
// without a day describe the present and belong to the live reading. Platforms whose days start at
// another hour also return days outside the range.
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
