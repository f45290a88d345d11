package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
)

// upsertBatch is the number of rows of one statement of the limit.
const upsertBatch = 5000

// copied is a table whose rows the limit writes again: all columns, by its primary key, in the order of
// time.
type copied struct{ table, key, time string }

var copiedTables = []copied{
	{"tspostinsights", "social_account_id, external_id, captured_at", "captured_at"},
	{"tspostgrowth", "social_account_id, external_id, captured_at", "captured_at"},
	{"post_daily", "social_account_id, external_id, day, parent_account, account_id", "captured_at"},
	{"post_gains", "social_account_id, quarter, parent_account, account_id, member_id, p_id, began", "quarter"},
}

// share is what one connection of the limit writes: for each table the statement and its batches of
// array parameters, made beforehand.
type share struct {
	sql     string
	batches [][]any
}

// batchedUpserts writes the rows that the projection made into empty tables, with hand-made unnest
// upserts by so many connections, and returns events per second.
func (b *bench) batchedUpserts(ctx context.Context, source *pgxpool.Pool, conns int) (float64, error) {
	target, err := b.database(ctx, int32(conns)+2)
	if err != nil {
		return 0, err
	}
	defer target.Close()
	work := make([][]share, conns)
	for _, t := range copiedTables {
		for i := range conns {
			s, err := readShare(ctx, source, t, i, conns)
			if err != nil {
				return 0, err
			}
			work[i] = append(work[i], s)
		}
	}
	began := time.Now()
	var group errgroup.Group
	for _, mine := range work {
		group.Go(func() error { return writeShare(ctx, target, mine) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return projectionEvents / time.Since(began).Seconds(), nil
}

func writeShare(ctx context.Context, target *pgxpool.Pool, shares []share) error {
	for n := 0; ; n++ {
		wrote := false
		err := pgx.BeginFunc(ctx, target, func(tx pgx.Tx) error {
			var batch pgx.Batch
			for _, s := range shares {
				if n < len(s.batches) {
					batch.Queue(s.sql, s.batches[n]...)
					wrote = true
				}
			}
			return tx.SendBatch(ctx, &batch).Close()
		})
		if err != nil || !wrote {
			return err
		}
	}
}

// readShare reads the rows of a table that belong to one connection as text arrays, one per column, in
// the order of time.
func readShare(ctx context.Context, source *pgxpool.Pool, t copied, part, parts int) (share, error) {
	columns, types, err := columnsOf(ctx, source, t.table)
	if err != nil {
		return share{}, err
	}
	s := share{sql: upsertSQL(t, columns, types)}
	rows, err := source.Query(ctx, fmt.Sprintf(`select %s from %s where social_account_id %% %d = %d order by %s`,
		join(columns, "%s"), t.table, parts, part, t.time))
	if err != nil {
		return s, fmt.Errorf("read %s: %w", t.table, err)
	}
	defer rows.Close()
	arrays := make([][]any, len(columns))
	flush := func() {
		batch := make([]any, len(columns))
		for i := range arrays {
			batch[i] = typed(types[i], arrays[i])
			arrays[i] = nil
		}
		s.batches = append(s.batches, batch)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return s, fmt.Errorf("read %s: %w", t.table, err)
		}
		for i, v := range values {
			arrays[i] = append(arrays[i], v)
		}
		if len(arrays[0]) == upsertBatch {
			flush()
		}
	}
	if len(arrays[0]) > 0 {
		flush()
	}
	return s, rows.Err()
}

// typed makes a typed slice of a column's values, so that encoding costs what it would cost anybody.
func typed(pgType string, values []any) any {
	switch pgType {
	case "bigint":
		return column[int64](values)
	case "smallint":
		return column[int16](values)
	case "boolean":
		return column[bool](values)
	case "text":
		return column[string](values)
	default:
		return column[time.Time](values)
	}
}

func column[T any](values []any) []*T {
	out := make([]*T, len(values))
	for i, v := range values {
		if typed, ok := v.(T); ok {
			out[i] = &typed
		}
	}
	return out
}

// naiveEvents is the number of events that the naive loop folds in one round; it is slow.
const naiveEvents = 6000

// naiveLoop folds events one transaction each, by so many connections: look up the newest reading,
// insert the new one and its growth, move the checkpoint.
func (b *bench) naiveLoop(ctx context.Context, drafts []domain.Draft, conns int) (float64, error) {
	pool, err := b.database(ctx, int32(conns)+2)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `create table naive_checkpoint (part int primary key, next bigint not null)`); err != nil {
		return 0, fmt.Errorf("make checkpoint table: %w", err)
	}
	began := time.Now()
	var group errgroup.Group
	for part := range conns {
		group.Go(func() error {
			if _, err := pool.Exec(ctx, `insert into naive_checkpoint values ($1, 0)`, part); err != nil {
				return err
			}
			for i, draft := range drafts[:naiveEvents] {
				read, ok := draft.Data.(domain.PostRead)
				if !ok || int(read.SocialAccount)%conns != part {
					continue
				}
				if err := naiveFold(ctx, pool, read, draft.Envelope.ID, part, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("fold one by one: %w", err)
	}
	return naiveEvents / time.Since(began).Seconds(), nil
}

func naiveFold(ctx context.Context, pool *pgxpool.Pool, read domain.PostRead, id string, part, next int) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var previous domain.Counts
		var previousAt *time.Time
		err := tx.QueryRow(ctx, `
			select captured_at, likes, comments, shares, views, impressions, reach, clicks from tSPostInsights
			where social_account_id = $1 and external_id = $2 and captured_at < $3
			order by captured_at desc limit 1`, read.SocialAccount, read.ExternalID, read.CapturedAt).
			Scan(&previousAt, &previous.Likes, &previous.Comments, &previous.Shares, &previous.Views, &previous.Impressions,
				&previous.Reach, &previous.Clicks)
		if err != nil && err != pgx.ErrNoRows { //nolint:errorlint // pgx gives it unwrapped
			return err
		}
		sum, partial := read.Engagement()
		_, err = tx.Exec(ctx, `
			insert into tSPostInsights (social_account_id, external_id, captured_at, event_id, parent_account, account_id, member_id,
				p_id, a_type, backfilled, growth_eligible, likes, comments, shares, views, impressions, reach, clicks, engagement, engagement_partial)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 0, false, true, $9, $10, $11, $12, $13, $14, $15, $16, $17) on conflict do nothing`,
			read.SocialAccount, read.ExternalID, read.CapturedAt, id, read.ParentAccount, read.AccountID, read.MemberID, int(read.Platform),
			read.Likes, read.Comments, read.Shares, read.Views, read.Impressions, read.Reach, read.Clicks, sum, partial)
		if err != nil {
			return err
		}
		if previousAt != nil {
			g := domain.GrowthBetween(previous, read.Counts)
			_, err = tx.Exec(ctx, `
				insert into tSPostGrowth (social_account_id, external_id, captured_at, previous_at, parent_account, account_id, member_id, p_id,
					glikes, gcomments, gshares, gviews, gimpressions, gclicks, gengagement, gengagement_partial)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) on conflict do nothing`,
				read.SocialAccount, read.ExternalID, read.CapturedAt, *previousAt, read.ParentAccount, read.AccountID, read.MemberID,
				int(read.Platform),
				g.Likes, g.Comments, g.Shares, g.Views, g.Impressions, g.Clicks, g.Engagement, g.EngagementPartial)
			if err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `update naive_checkpoint set next = $2 where part = $1`, part, next)
		return err
	})
}
