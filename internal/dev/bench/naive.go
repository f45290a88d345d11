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
			select captured_at, likes, comments, shares, views, impressions, reach, clicks, saves from tSPostInsights
			where social_account_id = $1 and external_id = $2 and parent_account = $4 and captured_at < $3
			order by captured_at desc limit 1`, read.SocialAccount, read.ExternalID, read.CapturedAt, read.ParentAccount).
			Scan(&previousAt, &previous.Likes, &previous.Comments, &previous.Shares, &previous.Views, &previous.Impressions, &previous.Reach,
				&previous.Clicks, &previous.Saves)
		if err != nil && err != pgx.ErrNoRows { //nolint:errorlint // pgx gives it unwrapped
			return err
		}
		sum, partial := read.Engagement()
		g := domain.GainSince(previous, read.Counts, read.FromZero)
		_, err = tx.Exec(ctx, `
			insert into tSPostInsights (social_account_id, external_id, captured_at, event_id, parent_account, account_id, member_id,
				p_id, a_type, backfilled, growth_eligible, from_zero, likes, comments, shares, views, impressions, reach, clicks, saves, avg_watch_ms,
				engagement, engagement_partial, previous_at, glikes, gcomments, gshares, gviews, gimpressions, gclicks, gsaves)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 0, false, true, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
				$23, $24, $25, $26, $27, $28)
			on conflict do nothing`,
			read.SocialAccount, read.ExternalID, read.CapturedAt, id, read.ParentAccount, read.AccountID, read.MemberID, int(read.Platform),
			read.FromZero,
			read.Likes, read.Comments, read.Shares, read.Views, read.Impressions, read.Reach, read.Clicks, read.Saves, read.AvgWatch,
			sum, partial, previousAt,
			g.Likes, g.Comments, g.Shares, g.Views, g.Impressions, g.Clicks, g.Saves)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update naive_checkpoint set next = $2 where part = $1`, part, next)
		return err
	})
}
