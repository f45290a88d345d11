package projectors_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// To plan over all months of readings takes longer than all else that a batch of few asks for: who comes in order needs none
// of them. What is planned over is locked.
func TestReadingsInOrderAskNoMonths(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := func(hour int) fold.Event { return foldtest.Event(fmt.Sprintf("e%02d", hour), daily(hour, 1)) }
	foldtest.Batches(t, db, projectors.PostInsights{}, [][]fold.Event{{at(30)}})
	locked := func(events ...fold.Event) (locks int) {
		err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
			if err := fold.LoadAll(t.Context(), tx, projectors.PostInsights{}.Begin(1), events); err != nil {
				return err
			}
			return tx.QueryRow(context.Background(), `
				select count(*) from pg_locks l join pg_class c on c.oid = l.relation
				where l.pid = pg_backend_pid() and starts_with(c.relname, 'tspostinsights')`).Scan(&locks)
		})
		require.NoError(t, err)
		return locks
	}
	require.Zero(t, locked(at(31)), "later on the same day")
	require.Zero(t, locked(at(50), at(75)), "on later days")
	require.NotZero(t, locked(at(29)), "earlier on the same day")
	require.NotZero(t, locked(at(30)), "once more")
	require.NotZero(t, locked(at(2)), "on an earlier day")
}

// However many days of a month come at once, behind however many: its row is the one of days that come one by one.
func TestDaysOfAMonthComeInAnyNumber(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var days []fold.Event
	for n := range 31 {
		days = append(days, foldtest.Event(fmt.Sprintf("e%02d", n), daily(24*n, int64(100+n*n))))
		if n%5 == 3 { // a day of which no gain is known
			read := days[n].Data.(domain.PostRead)
			read.Likes = nil
			days[n].Data = read
		}
	}
	folded := func(sizes ...int) []string {
		db.Delete(t, projectors.PostInsights{}.Tables()...)
		var batches [][]fold.Event
		for rest := days; len(rest) > 0; {
			size := len(rest)
			if len(sizes) > 0 {
				size, sizes = min(size, sizes[0]), append(sizes[1:], sizes[0])
			}
			batches, rest = append(batches, rest[:size]), rest[size:]
		}
		foldtest.Batches(t, db, projectors.PostInsights{}, batches)
		return foldtest.Dump(t, db, postTables...)
	}
	one := folded(1)
	require.Equal(t, one, folded(), "all at once")
	require.Equal(t, one, folded(2))
	require.Equal(t, one, folded(1, 3, 7))
	require.Equal(t, one, folded(11, 20))
}

// daily is a reading so many hours after the beginning of a month of 31 days.
func daily(hour int, likes int64) domain.PostRead {
	return domain.PostRead{
		Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11},
		Platform: domain.TikTok, ExternalID: "p", CapturedAt: time.Date(2026, 10, 1, hour, 0, 0, 0, time.UTC),
		GrowthEligible: true, GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: &likes, Views: &likes},
	}
}
