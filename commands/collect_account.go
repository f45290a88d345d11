package commands

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const (
	day = 24 * time.Hour
	// lateAfter is how long ago the last reading may be before the days since are asked for: without a
	// range platforms give the last day or two.
	lateAfter = 36 * time.Hour
	// backfillSlice is the range of one call for history. Instagram takes a call for each day of it.
	backfillSlice = 28 * day
)

// accountReading reads one account's totals. The first time it reads its history too.
func (c *Collect) accountReading(ctx context.Context, f *fetch) (got fetched, err error) {
	at := c.clock()
	request := platforms.AccountRequest{Demographics: f.DemographicsAt == nil || at.Sub(*f.DemographicsAt) >= c.DemographicsEvery}
	if f.ServedAt != nil && at.Sub(*f.ServedAt) > lateAfter {
		request.Since = f.ServedAt.Add(-day)
		if oldest := at.Add(-backfillSlice); request.Since.Before(oldest) {
			request.Since = oldest
		}
	}
	snapshot, err := f.client.Account(ctx, f.target, request)
	if err != nil {
		return got, err
	}
	appending, cancel := recording(ctx)
	defer cancel()
	err = c.Metrics.RecordAccountReading(appending, domain.AccountRead{
		Tenant: f.Tenant, Platform: f.Platform, AccountType: f.AccountType, CapturedAt: at,
		Figures: snapshot.Figures, Missing: snapshot.Missing, Demographics: snapshot.Demographics,
	})
	if err != nil {
		return got, err
	}
	got.incomplete = snapshot.Incomplete
	got.demographics = request.Demographics && snapshot.Incomplete == nil
	if f.BackfilledAt == nil && c.Backfill > 0 && snapshot.Incomplete == nil {
		got.backfilled = c.backfill(ctx, f, at)
	}
	return got, nil
}

// backfill records the history that the platform gives, in readings of its own that are marked so, and
// reports whether it is complete. If not, it is read again with the next reading: a day that is recorded
// twice has the same capture time and folds to one row.
func (c *Collect) backfill(ctx context.Context, f *fetch, at time.Time) bool {
	for until := at; until.After(at.Add(-c.Backfill)); until = until.Add(-backfillSlice) {
		since := until.Add(-backfillSlice)
		if oldest := at.Add(-c.Backfill); since.Before(oldest) {
			since = oldest
		}
		history, err := f.client.Account(ctx, f.target, platforms.AccountRequest{Since: since, Until: until, Backfill: true})
		if err != nil || history.Incomplete != nil {
			c.Logger.WarnContext(ctx, "history is not complete", "social_account", f.SocialAccount, "error", err)
			return false
		}
		for _, read := range c.byDay(f, history.Figures, at) {
			if err := c.Metrics.RecordAccountReading(ctx, read); err != nil {
				c.Logger.WarnContext(ctx, "history is not recorded", "social_account", f.SocialAccount, "error", err)
				return false
			}
		}
	}
	return true
}

// byDay makes a reading of each past day of a history, captured at the day's last moment. Figures without
// a day are of now, and stand in the live reading.
func (c *Collect) byDay(f *fetch, figures []domain.Figure, now time.Time) []domain.AccountRead {
	days := map[string][]domain.Figure{}
	for _, figure := range figures {
		if figure.Day != "" {
			days[figure.Day] = append(days[figure.Day], figure)
		}
	}
	var reads []domain.AccountRead
	for name, figures := range days {
		begin, err := time.Parse(time.DateOnly, name)
		end := begin.Add(day - time.Microsecond)
		if err != nil || !end.Before(now) {
			continue
		}
		reads = append(reads, domain.AccountRead{
			Tenant: f.Tenant, Platform: f.Platform, AccountType: f.AccountType, CapturedAt: end, Backfilled: true, Figures: figures,
		})
	}
	slices.SortFunc(reads, func(a, b domain.AccountRead) int { return a.CapturedAt.Compare(b.CapturedAt) })
	return reads
}
