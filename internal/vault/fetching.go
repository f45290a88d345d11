package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// FetchingConns serve plans, results and budgets of one process.
const FetchingConns = 8

// OpenFetching returns a pool for [Fetching], [Budgets] and [Marks]. It commits asynchronously: what a
// crash of the database takes back makes connections due again, nothing else.
func OpenFetching(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{URL: databaseURL, SearchPath: []string{Schema}, Name: "fetching", MaxConns: FetchingConns, AsyncCommit: true})
}

// Fetching keeps which connection is read in which slot, and what became of it.
type Fetching struct{ pool *pgxpool.Pool }

// NewFetching returns the fetch states of a pool that [OpenFetching] made.
func NewFetching(pool *pgxpool.Pool) *Fetching { return &Fetching{pool} }

// Assign plans social accounts, in their order, into shards of a slot.
func (f *Fetching) Assign(ctx context.Context, slot domain.FetchSlot, accounts []int64, shardSize int, now time.Time) error {
	_, err := f.pool.Exec(ctx, `
		insert into fetch_state as f (kind, p_id, social_account_id, slot, shard, planned_at, updated_at)
		select $1, $2, a.id, $3, (a.place - 1) / $5, $6, $6
		from unnest($4::bigint[]) with ordinality as a (id, place) order by a.id
		on conflict (kind, p_id, social_account_id) do update
		set slot = excluded.slot, shard = excluded.shard, planned_at = excluded.planned_at`,
		slot.Kind, int(slot.Platform), slot.Begin, accounts, shardSize, now)
	return doing(err, "assign %d accounts of %s to shards", len(accounts), slot.Platform)
}

// Record stores what became of connections in a slot. A success takes back what earlier failures left. A
// slot that lies further ahead than [domain.WrongClock] gives way.
func (f *Fetching) Record(ctx context.Context, slot domain.FetchSlot, results []domain.FetchResult) error {
	n := len(results)
	ids, served, at := make([]int64, n), make([]bool, n), make([]time.Time, n)
	until, backfilled, demographics := make([]*time.Time, n), make([]bool, n), make([]bool, n)
	failures, classes, reasons := make([]int32, n), make([]string, n), make([]string, n)
	for i, r := range results {
		ids[i], served[i], at[i], until[i] = r.SocialAccount, r.Served, r.At, r.NotBefore
		backfilled[i], demographics[i] = r.Backfilled, r.Demographics
		failures[i], classes[i], reasons[i] = int32(r.Failures), r.Class, r.Reason
	}
	_, err := f.pool.Exec(ctx, `
		insert into fetch_state as f (kind, p_id, social_account_id, served_slot, served_at, not_before, failures, class, reason,
		                              backfilled_at, demographics_at, updated_at)
		select $1, $2, r.id, case when r.served then $3::timestamptz end, case when r.served then r.at end, r.until, r.failures, r.class, r.reason,
		       case when r.backfilled then r.at end, case when r.demographics then r.at end, r.at
		from unnest($4::bigint[], $5::bool[], $6::timestamptz[], $7::timestamptz[], $8::bool[], $9::bool[], $10::int[], $11::text[], $12::text[])
		  as r (id, served, at, until, backfilled, demographics, failures, class, reason)
		order by r.id
		on conflict (kind, p_id, social_account_id) do update
		set served_slot = case when f.served_slot > excluded.served_slot + $13::interval then excluded.served_slot
		                       else greatest(f.served_slot, excluded.served_slot) end,
		    served_at = case when f.served_at > excluded.served_at + $13::interval then excluded.served_at
		                     else greatest(f.served_at, excluded.served_at) end,
		    not_before = excluded.not_before, failures = excluded.failures, class = excluded.class, reason = excluded.reason,
		    backfilled_at = coalesce(excluded.backfilled_at, f.backfilled_at),
		    demographics_at = coalesce(excluded.demographics_at, f.demographics_at), updated_at = excluded.updated_at`,
		slot.Kind, int(slot.Platform), slot.Begin, ids, served, at, until, backfilled, demographics, failures, classes, reasons,
		domain.WrongClock)
	if err != nil {
		return doing(err, "store what became of %d accounts of %s", n, slot.Platform)
	}
	return f.keepWords(ctx, slot.Kind, results)
}

// KeepListing stores how far an account's posts were listed.
func (f *Fetching) KeepListing(ctx context.Context, slot domain.FetchSlot, socialAccount int64, listing domain.PostListing, now time.Time) error {
	_, err := f.pool.Exec(ctx, `
		insert into fetch_state (kind, p_id, social_account_id, list_cursor, list_began, listed_to, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (kind, p_id, social_account_id) do update
		set list_cursor = excluded.list_cursor, list_began = excluded.list_began, listed_to = excluded.listed_to`,
		slot.Kind, int(slot.Platform), socialAccount, listing.Cursor, listing.Began, listing.To, now)
	return doing(err, "store how far posts of social account %d were listed", socialAccount)
}

// KeepHistory stores how far back an account's history was read, and what became of the last try.
func (f *Fetching) KeepHistory(ctx context.Context, slot domain.FetchSlot, socialAccount int64, h domain.FetchHistory, now time.Time) error {
	_, err := f.pool.Exec(ctx, `
		insert into fetch_state (kind, p_id, social_account_id, history_from, history_failures, history_not_before, history_class,
		                         history_reason, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (kind, p_id, social_account_id) do update
		set history_from = excluded.history_from, history_failures = excluded.history_failures,
		    history_not_before = excluded.history_not_before, history_class = excluded.history_class,
		    history_reason = excluded.history_reason`,
		slot.Kind, int(slot.Platform), socialAccount, h.From, h.Failures, h.NotBefore, h.Class, h.Reason, now)
	if err != nil {
		return doing(err, "store how far back social account %d was read", socialAccount)
	}
	said := domain.FetchResult{SocialAccount: socialAccount, At: now, Class: h.Class, Words: h.Words}
	return f.keepWords(ctx, wordsOfHistory, []domain.FetchResult{said})
}
