package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	putsFor     = 5 * time.Second
	putsWarm    = time.Second
	putsCallers = 8 // who PUT at a time; fewer with fewer agencies, because one agency's commands queue
)

// puts measures changes of dashboards of so many agencies from the command to the answer: loaded,
// decided, appended with fsync, projected, read back. Beside it stand the same records, appended only.
func (b *bench) puts(ctx context.Context, agencies int, print func(result) error) error {
	ours, drafts, err := b.putAll(ctx, agencies)
	if err != nil {
		return err
	}
	raw, err := b.appendAgain(ctx, drafts, min(agencies, putsCallers))
	if err != nil {
		return err
	}
	suffix := "agencies"
	if agencies == 1 {
		suffix = "agency"
	}
	name := fmt.Sprintf("puts_%d_%s", agencies, suffix)
	if err := print(against(name, "PUTs/s", ours.rate, raw.rate)); err != nil {
		return err
	}
	for _, p := range []float64{0.50, 0.99} {
		if err := print(against(fmt.Sprintf("%s_p%.0f", name, p*100), "ms", percentile(ours.took, p), percentile(raw.took, p))); err != nil {
			return err
		}
	}
	return nil
}

// served is what callers in a closed loop saw.
type served struct {
	rate float64 // a second
	took []time.Duration
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

func (b *bench) putAll(ctx context.Context, agencies int) (served, []domain.Draft, error) {
	log, topics, stop, err := b.eventLog(ctx)
	if err != nil {
		return served{}, nil, err
	}
	defer stop() //nolint:errcheck // a temporary broker
	pool, err := b.database(ctx, 24)
	if err != nil {
		return served{}, nil, err
	}
	defer pool.Close()
	if err := fillAgencies(ctx, pool, agencies); err != nil {
		return served{}, nil, err
	}
	progress := pg.NewProgress()
	engine, err := b.engine(projectors.Dashboards, log, topics, pool, progress)
	if err != nil {
		return served{}, nil, err
	}
	folding, endFolding := context.WithCancel(ctx)
	group, folding := errgroup.WithContext(folding)
	group.Go(func() error { return engine.Run(folding) })
	group.Go(func() error { progress.Listen(folding, pool.Config().ConnString(), b.logger); return nil })
	record := &keptDrafts{Log: log}
	updates := commands.NewDashboards(commands.DashboardsConfig{
		Store: &readmodels.Dashboards{Pool: pool, Progress: progress}, Log: record,
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
		Now:      time.Now, Logger: b.logger,
		PartitionOf: func(string) int32 { return 0 },
		EndOf:       func(context.Context, int32) (int64, error) { return 0, nil },
		Fits:        func(domain.Draft) error { return nil },
	})
	err = awaitLive(folding, engine)
	var ours served
	if err == nil {
		ours, err = closedLoop(min(agencies, putsCallers), putsFor, func(caller, n int) error {
			return putOnce(folding, updates, (caller+n*putsCallers)%agencies, n)
		})
	}
	endFolding()
	return ours, record.drafts, errors.Join(err, group.Wait())
}

// putOnce changes the list of two linked dashboards of an agency, so that every PUT makes a record.
func putOnce(ctx context.Context, updates *commands.Dashboards, agency, n int) error {
	parent := putsAgency(agency)
	users := []string{putsUser(agency, 1), putsUser(agency, 2)}
	if n/2%2 == 0 {
		users = users[:1]
	}
	if n%2 == 0 {
		users = nil
	}
	scopes := []string{fmt.Sprintf("s%d", n)}
	_, err := updates.Update(ctx, commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: parent, UserID: putsUser(agency, 0), Role: "agency", RequestID: "bench"},
		Change: domain.UpdateDashboard{
			Primary: putsAccount(agency, 0), SubAccountIDs: &[]string{putsAccount(agency, 1)}, Users: &users, Scopes: &scopes,
		},
	})
	return err
}

func putsAgency(n int) string          { return fmt.Sprintf("%024x", 0xa000+n) }
func putsAccount(agency, n int) string { return fmt.Sprintf("%020x%04x", 0xc000+agency, n) }
func putsUser(agency, n int) string    { return fmt.Sprintf("%020x%04x", 0xd000+agency, n) }

// fillAgencies writes accounts and users as the directory's projection would have.
func fillAgencies(ctx context.Context, pool *pgxpool.Pool, agencies int) error {
	account := func(id string, parent *string) error {
		_, err := pool.Exec(ctx, `insert into accounts (id, row_id, parent_account, name, email, phone, address, custom_domain,
				white_label_url, colour, logo, time_zone, active, told_at)
			values ($1, 1, $2, 'n', '', '', '', '', '', '', '', '', true, now())`, id, parent)
		return err
	}
	for agency := range agencies {
		parent := putsAgency(agency)
		if err := errors.Join(account(parent, nil), account(putsAccount(agency, 0), &parent),
			account(putsAccount(agency, 1), &parent)); err != nil {
			return fmt.Errorf("fill accounts: %w", err)
		}
		for n := range 3 {
			_, err := pool.Exec(ctx, `insert into users (id, account_id, name, email, phone, image, meeting_link, role, company, is_owner, active, reset_pending, told_at)
				values ($1, $2, 'n', '', '', '', '', '', '', false, true, false, now())`,
				putsUser(agency, n), putsAccount(agency, 0))
			if err != nil {
				return fmt.Errorf("fill users: %w", err)
			}
		}
	}
	return nil
}

func awaitLive(ctx context.Context, engine *projections.Engine) error {
	for {
		status, err := engine.Status(ctx)
		if err != nil || status.Live() {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// appendAgain appends the records once more, to another log, by as many callers.
func (b *bench) appendAgain(ctx context.Context, drafts []domain.Draft, callers int) (served, error) {
	log, _, stop, err := b.eventLog(ctx)
	if err != nil {
		return served{}, err
	}
	defer stop() //nolint:errcheck // a temporary broker
	return closedLoop(callers, putsFor, func(caller, n int) error {
		return log.Append(ctx, drafts[(caller+n*callers)%len(drafts)])
	})
}

// closedLoop has each caller do one thing after the other for a while; the first second warms up.
func closedLoop(callers int, during time.Duration, do func(caller, n int) error) (served, error) {
	var mu sync.Mutex
	var s served
	var group errgroup.Group
	began := time.Now()
	for caller := range callers {
		group.Go(func() error {
			for n := 0; time.Since(began) < during; n++ {
				sent := time.Now()
				if err := do(caller, n); err != nil {
					return err
				}
				if sent.Sub(began) < putsWarm {
					continue
				}
				mu.Lock()
				s.took = append(s.took, time.Since(sent))
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	s.rate = float64(len(s.took)) / (time.Since(began) - putsWarm).Seconds()
	return s, err
}
