package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// The history that states are looked up in: so many agencies, dashboards of each, and versions of each
// agency's stream, each of which changed one dashboard.
const (
	historyRecords    = 1_000_000
	historyAgencies   = 10
	historyDashboards = 10
	historyVersions   = historyRecords / historyAgencies
	historyLookups    = 2700
	accessLookups     = 500
	historyWarm       = 300
)

// stateAtTime measures what a dashboard was at a random instant of a history of a million records, as
// an auditor asks it, beside the one statement that finds the document alone.
func (b *bench) stateAtTime(ctx context.Context, print func(result) error) error {
	pool, err := b.database(ctx, 4)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := fillHistory(ctx, pool); err != nil {
		return err
	}
	history := &readmodels.History{Pool: pool}
	ours, err := lookups(historyLookups, func(agency, dashboard string, at time.Time) error {
		answer, _, err := history.State(ctx, readmodels.StateQuery{ParentAccount: agency, Dashboard: dashboard, At: readmodels.Moment{Time: at}})
		if err == nil && answer.ChangedBy.Time.After(at) {
			return fmt.Errorf("the state at %s is that of %s", at, answer.ChangedBy.Time)
		}
		return err
	})
	if err != nil {
		return err
	}
	bare, err := lookups(historyLookups, func(agency, dashboard string, at time.Time) error {
		var document []byte
		return pool.QueryRow(ctx, `
			select after from dashboard_history where parent_account = $1 and sub_account_id = $2 and version <= (
				select version from dashboard_history where parent_account = $1 and time <= $3 order by time desc limit 1)
			order by version desc limit 1`, agency, dashboard, at).Scan(&document)
	})
	if err != nil {
		return err
	}
	access, err := lookups(accessLookups, func(agency, dashboard string, at time.Time) error {
		_, _, err := history.Access(ctx, readmodels.AccessQuery{
			ParentAccount: agency, Dashboard: dashboard, User: strings.Repeat("d", 23) + "1", At: readmodels.Moment{Time: at},
		})
		if errors.Is(err, readmodels.ErrUserNotFound) {
			return nil // the first entry was looked at for it
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range []float64{0.50, 0.99} {
		if err := print(against(fmt.Sprintf("access_at_time_1M_p%.0f", p*100), "ms", percentile(access, p), percentile(bare, p))); err != nil {
			return err
		}
	}
	for _, p := range []float64{0.50, 0.99} {
		if err := print(against(fmt.Sprintf("state_at_time_1M_p%.0f", p*100), "ms", percentile(ours, p), percentile(bare, p))); err != nil {
			return err
		}
	}
	return nil
}

// lookups times look at random moments, the first ones aside. Every dashboard is there from its first
// dozens of versions on; earlier moments are not asked for.
func lookups(count int, look func(agency, dashboard string, at time.Time) error) ([]time.Duration, error) {
	random := rand.New(rand.NewPCG(3, 5))
	var took []time.Duration
	for i := range historyWarm + count {
		agency, dashboard := historyAgency(random.IntN(historyAgencies)), historyDashboard(random.IntN(historyDashboards))
		at := firstReading.Add(time.Duration(historyDashboards+random.IntN(historyVersions-historyDashboards)) * time.Minute)
		began := time.Now()
		if err := look(agency, dashboard, at); err != nil {
			return nil, fmt.Errorf("look up state: %w", err)
		}
		if i >= historyWarm {
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

func historyAgency(n int) string    { return fmt.Sprintf("%024x", 0xa000+n) }
func historyDashboard(n int) string { return fmt.Sprintf("%024x", 0xc000+n) }

// fillHistory writes the records as the projection would have: version v of an agency changed
// dashboard v mod 10, a minute after the version before.
func fillHistory(ctx context.Context, pool *pgxpool.Pool) error {
	for _, sql := range []string{
		`insert into accounts (id, row_id, parent_account, name, email, phone, address, custom_domain, white_label_url, colour, active, told_at, covered)
		 select lpad(to_hex($1::int + n), 24, '0'), n, case when $1::int = 40960 then null else lpad(to_hex(40960), 24, '0') end,
		        'Account ' || n, '', '', '', '', '', '', true, now(), false from generate_series(0, $2::int - 1) n`,
	} {
		for first, count := range map[int]int{0xa000: historyAgencies, 0xc000: historyDashboards} {
			if _, err := pool.Exec(ctx, sql, first, count); err != nil {
				return fmt.Errorf("fill accounts: %w", err)
			}
		}
	}
	_, err := pool.Exec(ctx, `
		insert into dashboard_history
		select parent, sub, v, parent || '.' || v, 'dashboard.users_changed.v1', $1::timestamptz + v * interval '1 minute',
		       lpad(to_hex(v % 7), 24, '5'), 'agency', '', 'command-' || v, 'request-' || v, sha256(v::text::bytea),
		       case when v > $3 then document end, document
		from generate_series(0, $2 - 1) a, generate_series(1, $4) v,
		     lateral (select lpad(to_hex(40960 + a), 24, '0') parent, lpad(to_hex(49152 + v % $3), 24, '0') sub) k,
		     lateral (select jsonb_build_object('_id', sub, 'id', sub, 'sub_account_id', sub, 'parent_account', parent,
		         'sub_account_ids', jsonb_build_array(sub, lpad(to_hex(49152), 24, '0')),
		         'users', jsonb_build_array(lpad(to_hex(v % 97), 24, 'd'), lpad(to_hex(v % 89), 24, 'e'), lpad(to_hex(v % 83), 24, 'f')),
		         'main_poc', jsonb_build_array(), 'allow_client_dashboard', v % 2 = 0, 'scopes', jsonb_build_array('analytics', 'posts'),
		         'created_at', $1::timestamptz, 'updated_at', $1::timestamptz + v * interval '1 minute') document) d`,
		firstReading, historyAgencies, historyDashboards, historyVersions)
	if err != nil {
		return fmt.Errorf("fill history: %w", err)
	}
	if _, err := pool.Exec(ctx, "vacuum analyze dashboard_history"); err != nil {
		return fmt.Errorf("analyse history: %w", err)
	}
	return nil
}
