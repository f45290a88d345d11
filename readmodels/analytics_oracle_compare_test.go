package readmodels_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// agree draws worlds and queries, and compares an endpoint's answer with the oracle's.
func agree[R any](
	t *testing.T, answer func(*readmodels.Analytics, context.Context, readmodels.Scope, readmodels.RangeQuery) (R, readmodels.Meta, error),
	want func(*oracle) R,
) {
	t.Helper()
	db := pgtest.New(t)
	analytics := &readmodels.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		season := rapid.SampledFrom(seasons).Draw(t, "season")
		w := drawWorld(t, season)
		w.fold(t, db)
		for range 4 {
			scope, query := drawQuery(t, season)
			got, meta, err := answer(analytics, t.Context(), scope, query)
			require.NoError(t, err)
			o := newOracle(w, scope, query)
			require.Equal(t, want(o), got)
			require.Equal(t, o.asOf, meta.AsOf)
			require.Equal(t, query.Range.From.UTC(), meta.From)
			require.Equal(t, query.Range.To.UTC(), meta.To)
			require.Equal(t, query.Range.Zone.String(), meta.TimeZone)
			require.Len(t, meta.Sources, o.socialsOn(query.Platforms...))
		}
	})
}

func TestAccountInsightsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agree(t, (*readmodels.Analytics).AccountInsights, (*oracle).accountInsights)
}

func TestAccountFollowersAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agree(t, (*readmodels.Analytics).AccountFollowers, (*oracle).followers)
}

func TestAccountNetGrowthAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	agree(t, (*readmodels.Analytics).AccountNetGrowth, (*oracle).netGrowth)
}

func TestAccountStatsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agree(t, (*readmodels.Analytics).AccountStats, (*oracle).accountStats)
}

// The period before a range is as many days before days, else as long, also where clocks change.
func TestPreviousAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, query := drawQuery(t, rapid.SampledFrom(seasons).Draw(t, "season"))
		o := &oracle{q: query}
		from, to := o.previous()
		previous := query.Range.Previous()
		require.Equal(t, []time.Time{from.UTC(), to.UTC()}, []time.Time{previous.From.UTC(), previous.To.UTC()})
		require.Equal(t, query.Range.Zone, previous.Zone)
	})
}
