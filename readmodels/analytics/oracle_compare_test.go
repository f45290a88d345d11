package analytics_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// agreeOnPart compares the part of an answer that [TestGainsAddUp] does not check.
func agreeOnPart[R any](t *testing.T, draw func(*rapid.T, time.Time) *world, answer endpoint[R], want func(*oracle) R) {
	t.Helper()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		season := rapid.SampledFrom(seasons).Draw(t, "season")
		w := draw(t, season)
		w.Fold(t, db)
		for range 4 {
			scope, query := drawQuery(t, season)
			got, meta, err := answer(queries, t.Context(), scope, query)
			if o := newOracle(w, scope, query); !o.refuses(t, err) {
				require.Equal(t, want(o), got)
				o.agreeOnMeta(t, meta)
			}
		}
	})
}

func TestReachAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	type part struct {
		Reach                []analytics.AccountReach
		Impressions, Engaged []analytics.ReadFigure // as read
	}
	agreeOnPart(t, drawWorld,
		func(a *analytics.Analytics, ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery) (part, analytics.Meta, error) {
			insights, _, _ := a.AccountInsights(ctx, scope, q)
			stats, meta, err := a.AccountStats(ctx, scope, q)
			return part{stats.Reach, stats.AsRead, insights.AsRead}, meta, err
		}, func(o *oracle) part {
			return part{o.reach(), o.asRead(domain.MetricImpressions), o.asRead(domain.MetricEngagement)}
		})
}

// agreeOnMeta compares the query's fields in meta.
func (o *oracle) agreeOnMeta(t require.TestingT, meta analytics.Meta) {
	require.Equal(t, o.q.Range.From.UTC(), meta.From)
	require.Equal(t, o.q.Range.To.UTC(), meta.To)
	require.Equal(t, o.q.Range.Zone.String(), meta.TimeZone)
	require.Equal(t, cmp.Or(o.q.Granularity, analytics.ByDay), meta.Granularity)
	require.Equal(t, o.q.Range.Now.IsZero() || !o.q.Range.To.After(o.q.Range.Now), meta.Complete)
}

// sourceIDs returns the social accounts of an answer's sources, in order.
func sourceIDs(meta analytics.Meta) (ids []int64) {
	for _, s := range meta.Sources {
		ids = append(ids, s.SocialAccount)
	}
	return ids
}

// refuses requires the error that the query should return, and reports whether there is one.
func (o *oracle) refuses(t require.TestingT, err error) bool {
	if _, known := o.member(o.q.Member); o.q.Member == 0 || known {
		require.NoError(t, err)
		return false
	}
	require.ErrorIs(t, err, analytics.ErrMemberNotFound)
	return true
}
