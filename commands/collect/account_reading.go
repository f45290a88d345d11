package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// defaultDemographicsEvery is that of [Config].DemographicsEvery.
const defaultDemographicsEvery = 24 * time.Hour

const (
	day = 24 * time.Hour
	// lateAfter is how long ago the last reading may be before the days since are asked for: without a
	// range platforms give the last day or two.
	lateAfter = 36 * time.Hour
	// lateMost is how many days are asked for at most.
	lateMost = 28 * day
)

// accountReading reads one account's totals, and a part of its history until that is complete.
func (c *Collector) accountReading(ctx context.Context, f *fetch) (got fetched, err error) {
	at := c.clock()
	if f.apart {
		return c.withHistory(ctx, f, at, fetched{apart: true}) // in the place of a reading
	}
	request := platforms.AccountRequest{Demographics: f.DemographicsAt == nil || at.Sub(*f.DemographicsAt) >= c.DemographicsEvery}
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
	appending, cancel := recording(ctx)
	defer cancel()
	err = errors.Join(c.Metrics.Record(appending, domain.AccountRead{
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
func (c *Collector) withHistory(ctx context.Context, f *fetch, at time.Time, got fetched) (_ fetched, err error) {
	got.Backfilled, err = c.readHistory(quota.InBackground(ctx), f, at)
	got.Class, got.Reason = f.History.Class, f.History.Reason
	return got, err
}
