package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	putsFor     = 5 * time.Second
	putsWarm    = time.Second
	putsCallers = 8 // who PUT at a time; fewer with fewer agencies, because one agency's commands queue
)

// puts measures changes of dashboards of so many agencies from the command to the answer: loaded, decided,
// appended with fsync, projected, read back. Its limit is the same records, only appended, to another log.
func puts(agencies int) func(*bench) {
	return func(b *bench) {
		callers := min(agencies, putsCallers)
		ours, drafts := putAll(b, agencies, callers)
		bare := b.ledger()
		raw := closedLoop(b, callers, func(caller, n int) error {
			return bare.Append(b.ctx, drafts[(caller+n*callers)%len(drafts)])
		})
		name := fmt.Sprintf("puts_%d_agencies", agencies)
		if agencies == 1 {
			name = "puts_1_agency"
		}
		perSecond := func(took []time.Duration) float64 { return float64(len(took)) / (putsFor - putsWarm).Seconds() }
		b.compare(name, "PUTs/s", perSecond(ours), perSecond(raw))
		b.comparePercentiles(name, ours, raw)
	}
}

// keptDrafts is the log, and remembers what went into it.
type keptDrafts struct {
	*eventlog.Log

	mu     sync.Mutex
	drafts []domain.Draft
}

// Append implements commands.Appender.
func (k *keptDrafts) Append(ctx context.Context, d domain.Draft) error {
	k.mu.Lock()
	k.drafts = append(k.drafts, d)
	k.mu.Unlock()
	return k.Log.Append(ctx, d)
}

func putAll(b *bench, agencies, callers int) ([]time.Duration, []domain.Draft) {
	log, pool, progress := b.ledger(), b.database(24), pg.NewProgress()
	foldAgencies(b, pool, agencies)
	stop := follow(b, pool, progress, log.engine(b, projectors.Dashboards, pool, progress))
	record := &keptDrafts{Log: log.Log}
	updates := commands.NewDashboards(commands.DashboardsConfig{
		Store: &readmodels.Dashboards{Pool: pool, Progress: progress}, Log: record,
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
		Now:      time.Now, Logger: b.logger,
		PartitionOf: func(string) int32 { return 0 },
		EndOf:       func(context.Context, int32) (int64, error) { return 0, nil },
		Fits:        func(domain.Draft) error { return nil },
	})
	ours := closedLoop(b, callers, func(caller, n int) error {
		return putOnce(b.ctx, updates, (caller+n*putsCallers)%agencies, n)
	})
	stop()
	log.stop()
	return ours, record.drafts
}

// putOnce changes the list of two linked dashboards of an agency, so that every PUT makes a record.
func putOnce(ctx context.Context, updates *commands.Dashboards, agency, n int) error {
	users := []string{putsUser(agency, 1), putsUser(agency, 2)}
	if n/2%2 == 0 {
		users = users[:1]
	}
	if n%2 == 0 {
		users = nil
	}
	_, err := updates.Update(ctx, commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: figureAgency(agency), UserID: putsUser(agency, 0), Role: "agency", RequestID: "bench"},
		Change: domain.UpdateDashboard{
			Primary: figureClient(agency, 0), SubAccountIDs: &[]string{figureClient(agency, 1)}, Users: &users,
			Scopes: &[]string{fmt.Sprintf("s%d", n)},
		},
	})
	return err
}

func putsUser(agency, n int) string { return fmt.Sprintf("%020x%04x", 0xd000+agency, n) }

// foldAgencies folds agencies with two clients, and three users of the first.
func foldAgencies(b *bench, pool *pgxpool.Pool, agencies int) {
	var events []fold.Event
	for n := range agencies {
		events = append(events, entity(domain.DirectoryAccount{ID: figureAgency(n), RowID: 1, Name: "n", Active: true}))
		for i := range 2 {
			events = append(events, entity(domain.DirectoryAccount{
				ID: figureClient(n, i), RowID: 1, ParentAccount: figureAgency(n), Name: "n", Active: true,
			}))
		}
		for i := range 3 {
			events = append(events, entity(domain.DirectoryUser{ID: putsUser(n, i), AccountID: figureClient(n, 0), Name: "n", Active: true}))
		}
	}
	require.NoError(b, tables.Fold(b.ctx, pool, projectors.Directory, events))
}

// closedLoop has each caller do one thing after the other for a while, and returns how long each took. The
// first second warms up.
func closedLoop(b *bench, callers int, do func(caller, n int) error) (took []time.Duration) {
	var mu sync.Mutex
	var group errgroup.Group
	began := time.Now()
	for caller := range callers {
		group.Go(func() error {
			for n := 0; time.Since(began) < putsFor; n++ {
				sent := time.Now()
				if err := do(caller, n); err != nil {
					return err
				}
				if sent.Sub(began) < putsWarm {
					continue
				}
				mu.Lock()
				took = append(took, time.Since(sent))
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(b, group.Wait())
	return took
}
