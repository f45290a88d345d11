package analytics_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// A question as of a time goes to the tables of that time, and the answer says so and promises no newer figures.
func TestAnswerAsOfATime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	query := analytics.RangeQuery{Range: analytics.Range{From: at.AddDate(0, 0, -7), To: at, Zone: time.UTC}, Platforms: domain.Platforms(), AsOf: &at}
	scope := readmodels.Scope{ParentAccount: agencyA}
	never := pg.Reader(nil) // who asked the tables of today would panic
	opened := []time.Time{}
	a := &analytics.Analytics{Pool: never, Past: func(_ context.Context, at time.Time) (pg.Reader, error) {
		opened = append(opened, at)
		return db.ReadOnly, nil
	}}
	_, meta, err := a.AccountFollowers(t.Context(), scope, query)
	require.NoError(t, err)
	require.Equal(t, []time.Time{at}, opened)
	require.Equal(t, &at, meta.RecordedUntil)
	require.Nil(t, meta.NextDue)

	query.AsOf = nil
	_, meta, err = (&analytics.Analytics{Pool: db.ReadOnly}).AccountFollowers(t.Context(), scope, query)
	require.NoError(t, err)
	require.Nil(t, meta.RecordedUntil)

	query.AsOf = &at
	_, _, err = (&analytics.Analytics{Pool: db.ReadOnly}).AccountFollowers(t.Context(), scope, query)
	require.ErrorIs(t, err, analytics.ErrNoPast)
	refusal := domain.NewError(domain.CodeConflict, "ledgerboard rebuild …")
	_, _, err = (&analytics.Analytics{Past: func(context.Context, time.Time) (pg.Reader, error) { return nil, refusal }}).AccountFollowers(t.Context(), scope, query)
	require.ErrorIs(t, err, refusal)
}
