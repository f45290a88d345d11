package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// reading has what is upserted of a reading of a post.
type reading struct {
	Agency      string    `json:"parent_account"`
	Social      int64     `json:"social_account_id"`
	ExternalID  string    `json:"external_id"`
	CapturedAt  time.Time `json:"captured_at"`
	PublishedAt time.Time `json:"published_at"`
	Likes       *int64    `json:"likes"`
	Comments    *int64    `json:"comments"`
	Shares      *int64    `json:"shares"`
	Views       *int64    `json:"views"`
	Impressions *int64    `json:"impressions"`
	Saves       *int64    `json:"saves,omitempty"`
	AvgWatch    *int64    `json:"avg_watch_ms,omitempty"`
}

const (
	schema = `create table readings (
		agency text, social bigint, external_id text, captured_at timestamptz, published_at timestamptz, likes bigint,
		comments bigint, shares bigint, views bigint, impressions bigint, saves bigint, avg_watch bigint,
		primary key (social, external_id, captured_at))`
	upsert = `insert into readings values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		on conflict (social, external_id, captured_at) do update set likes = excluded.likes, comments = excluded.comments,
		shares = excluded.shares, views = excluded.views, impressions = excluded.impressions, saves = excluded.saves,
		avg_watch = excluded.avg_watch`
)

// row returns the arguments of upsert.
func (r *reading) row() []any {
	return []any{
		r.Agency, r.Social, r.ExternalID, r.CapturedAt, r.PublishedAt, r.Likes,
		r.Comments, r.Shares, r.Views, r.Impressions, r.Saves, r.AvgWatch,
	}
}

// table is where the peers write.
type table struct{ *pgxpool.Pool }

func openTable(ctx context.Context, url string) (t table, err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return t, err
	}
	config.MaxConns = 8 // as for the live projection
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	if t.Pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return t, err
	}
	_, err = t.Exec(ctx, schema)
	return t, err
}

func (t table) write(ctx context.Context, e *reading) error {
	_, err := t.Exec(ctx, upsert, e.row()...)
	return err
}

// find asks for a row, which must be there.
func (t table) find(ctx context.Context, e *reading) error {
	var likes int64
	sql := "select likes from readings where social = $1 and external_id = $2"
	return t.QueryRow(ctx, sql, e.Social, e.ExternalID).Scan(&likes)
}
