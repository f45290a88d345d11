package analytics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// FollowersByAccount is the response to /api/accounts/followers.
type FollowersByAccount struct {
	// by id; only accounts that have social accounts, or had some with figures in the range
	Accounts []FollowersOfAccount `json:"accounts"`
}

// FollowersOfAccount are the followers of one client, or of the agency's own pages.
type FollowersOfAccount struct {
	AccountID string `json:"account_id"` // the account, 24 hex digits
	FollowerSeries
	// capture time of the newest reading that the figures of this account use; null if it has no reading
	AsOf *time.Time `json:"as_of"`
}

// FollowersByAccount returns, for each account, the total of [Analytics.AccountFollowers] and its
// [Meta.AsOf]. The number of statements does not depend on the number of accounts.
func (a *Analytics) FollowersByAccount(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data FollowersByAccount, meta Meta, err error) {
	data.Accounts = []FollowersOfAccount{}
	metrics := []string{domain.MetricFollowers}
	meta, err = a.answer(ctx, "followers by account", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, qc.query.Range.cut(qc.query.Granularity))
		if err != nil {
			return err
		}
		f.totals = true
		facts, erased, err := sourceQuery{qc}.sourceFacts(ctx)
		if err != nil {
			return err
		}
		if err := (sourceQuery{qc}).classifyFacts(ctx, facts, erased); err != nil {
			return err
		}
		series, factsOf, erasedOf := seriesByAccount(f.series), factsByAccount(facts), factsByAccount(erased)
		accounts := slices.Concat(slices.Collect(maps.Keys(series)), slices.Collect(maps.Keys(factsOf)), slices.Collect(maps.Keys(erasedOf)))
		for _, account := range sortedUnique(accounts) {
			own := qc.ofAccount(account)
			figures := accountFiguresOf(own, f.buckets, series[account])
			sourceQuery{own}.countSources(factsOf[account], erasedOf[account])
			if len(own.sources) > 0 && qc.sees(owner{account, qc.query.Member}) {
				data.Accounts = append(data.Accounts,
					FollowersOfAccount{account, figures.followerSeries(qc.query.Platforms...), own.asOf})
			}
		}
		return nil
	})
	return data, meta, err
}

// ofAccount returns a query context for one account of the scope. What is noted in it does not affect
// the metadata of the response.
func (q *queryContext) ofAccount(account string) *queryContext {
	own := *q
	own.scope.Accounts, own.sources, own.asOf = []string{account}, nil, nil
	own.metricsRead = map[int64]map[string]*metricRead{}
	return &own
}

// countSources sets the sources of one account without their status, for the number of them.
func (s sourceQuery) countSources(facts, erased []sourceFacts) {
	former, gone := s.notPresent(facts, erased)
	for _, f := range slices.Concat(facts, gone) {
		s.sources = append(s.sources, f.Source)
	}
	for _, id := range former {
		s.sources = append(s.sources, Source{PlatformRef: readmodels.PlatformRefOf(s.accounts[id].platform)})
	}
}

func seriesByAccount(series []*metricSeries) map[string][]*metricSeries {
	of := map[string][]*metricSeries{}
	for _, s := range series {
		for _, o := range s.owners {
			if !slices.Contains(of[o.account], s) {
				of[o.account] = append(of[o.account], s)
			}
		}
	}
	return of
}

func factsByAccount(facts []sourceFacts) map[string][]sourceFacts {
	of := map[string][]sourceFacts{}
	for _, f := range facts {
		of[f.AccountID] = append(of[f.AccountID], f)
	}
	return of
}
