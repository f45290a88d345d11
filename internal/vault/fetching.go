package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// OpenFetching returns a pool for [Fetching] and [Budgets]. The pool commits asynchronously:
// commits lost in a database crash only make connections due again.
func OpenFetching(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: []string{Schema}, Name: "fetching", MaxConns: 8, AsyncCommit: true,
	})
}

// Fetching stores when each connection is due, which process has claimed it, and the result of its
// reading. Its marks ensure that only one of several fetchers records a change of a connection's
// state.
type Fetching struct{ Pool *pgxpool.Pool }

// WakeName returns the name with which [pg.Progress] wakes the fetchers of a queue.
func WakeName(queue domain.FetchQueue) string {
	return "fetch." + queue.Kind + "." + queue.Platform.String()
}

// Wake makes the fetchers of a queue check for due accounts immediately.
func Wake(ctx context.Context, pool *pgxpool.Pool, queue domain.FetchQueue) error {
	return pg.Exec(ctx, pool, "wake the fetchers of "+queue.Platform.String(),
		`select pg_notify($1, $2)`, pg.ProgressChannel, WakeName(queue))
}

// ReadNow makes social accounts of a platform due immediately, both their totals and their posts,
// and wakes the fetchers.
func ReadNow(ctx context.Context, pool *pgxpool.Pool, platform domain.Platform, accounts []int64, now time.Time) error {
	kinds := []string{domain.FetchAccounts, domain.FetchPosts}
	_, err := pool.Exec(ctx, `
		insert into `+Schema+`.fetch_state as f (kind, p_id, social_account_id, due_at, updated_at)
		select kind, $2, id, $4, $4 from unnest($1::text[]) kind, unnest($3::bigint[]) id order by 1, 3
		on conflict (kind, p_id, social_account_id) do update set due_at = least(f.due_at, excluded.due_at), not_before = null`,
		kinds, int(platform), accounts, now)
	for _, kind := range kinds {
		if err == nil {
			err = Wake(ctx, pool, domain.FetchQueue{Kind: kind, Platform: platform})
		}
	}
	return pg.Wrap("make accounts of "+platform.String()+" due", err)
}

// PlatformsWith returns the platforms with a reading after an instant that failed with a code.
func PlatformsWith(
	ctx context.Context, pool *pgxpool.Pool, code domain.StatusCode, after time.Time,
) ([]domain.Platform, error) {
	return pg.List(ctx, pool, "list platforms whose readings failed with "+string(code), pgx.RowTo[domain.Platform],
		`select distinct p_id from fetch_state where reason ->> 'code' = $1 and updated_at > $2 order by 1`, code, after)
}

// PlatformsRead returns the platforms with an attempt to read after an instant.
func PlatformsRead(ctx context.Context, pool *pgxpool.Pool, after time.Time) ([]domain.Platform, error) {
	return pg.List(ctx, pool, "list platforms that are read", pgx.RowTo[domain.Platform],
		`select distinct p_id from fetch_state where updated_at > $1 order by 1`, after)
}

// Release ends a claim for the accounts whose result was not recorded.
func (f Fetching) Release(ctx context.Context, claim domain.FetchClaim) error {
	return pg.Exec(ctx, f.Pool, "release claims of "+claim.Platform.String(), `
		update fetch_state set claimed_until = null
		where kind = $1 and p_id = $2 and social_account_id = any($3) and claimed_until = $4`,
		claim.Kind, int(claim.Platform), claim.Accounts(), claim.Until)
}

// storedResult is a [domain.FetchResult] as it is sent to the database. words are the platform's.
type storedResult struct {
	ID           int64                `json:"id"`
	Read         bool                 `json:"read"`
	At           time.Time            `json:"at"`
	Due          time.Time            `json:"due"`
	NotBefore    *time.Time           `json:"not_before"`
	Backfilled   bool                 `json:"backfilled"`
	Demographics bool                 `json:"demographics"`
	Failures     int                  `json:"failures"`
	Reason       *domain.StatusReason `json:"reason"`
	Pace         *domain.Pace         `json:"pace"`
	Words        string               `json:"words"`
	Listed       bool                 `json:"listed"`
	ListCursor   string               `json:"list_cursor"`
	ListBegan    *time.Time           `json:"list_began"`
	ListedTo     *time.Time           `json:"listed_to"`
	ListedWhole  *time.Time           `json:"listed_whole"`
	// Token is the later of reading time and token time: a token that was dated by a clock ahead of
	// this one counts as new only once.
	Token time.Time `json:"token"`
}

// Record stores the results of accounts and ends their claims. It ignores accounts that another
// process has claimed in the meantime, and deleted ones. A success clears the state of earlier
// failures.
func (f Fetching) Record(ctx context.Context, claim domain.FetchClaim, results []domain.FetchResult) error {
	ids, stored := make([]int64, len(results)), make([]storedResult, len(results))
	for i, r := range results {
		ids[i], stored[i] = r.SocialAccount, storedResult{
			ID: r.SocialAccount, Read: r.Read, At: r.At, Due: r.DueAt, NotBefore: nullIfZero(r.NotBefore),
			Backfilled: r.Backfilled, Demographics: r.Demographics, Failures: r.Failures, Reason: r.Reason, Pace: r.Pace,
			Words: r.Words, Token: r.At,
		}
		if r.TokenTakenAt.After(r.At) {
			stored[i].Token = r.TokenTakenAt
		}
		if l := r.Listing; l != nil {
			stored[i].Listed, stored[i].ListCursor = true, l.Cursor
			stored[i].ListBegan, stored[i].ListedTo, stored[i].ListedWhole = l.Began, l.To, l.Whole
		}
	}
	return pg.Exec(ctx, f.Pool, fmt.Sprintf("store the results of %d accounts of %s", len(results), claim.Platform), `
		with mine as (
			select f.social_account_id from fetch_state f
			where f.kind = $1 and f.p_id = $2 and f.social_account_id = any($4) and f.claimed_until = $3
			order by f.social_account_id for update),
		results as (
		update fetch_state f
		set claimed_until = null, due_at = r.due, not_before = r.not_before, read_at = case when r.read then r.at else f.read_at end,
		    failures = r.failures, reason = r.reason,
		    pace = coalesce(r.pace, f.pace),
		    list_cursor = case when r.listed then r.list_cursor else f.list_cursor end,
		    list_began = case when r.listed then r.list_began else f.list_began end,
		    listed_to = case when r.listed then r.listed_to else f.listed_to end,
		    listed_whole = case when r.listed then r.listed_whole else f.listed_whole end,
		    backfilled_at = case when r.backfilled then r.at else f.backfilled_at end,
		    demographics_at = case when r.demographics then r.at else f.demographics_at end, updated_at = r.token
		from mine
		join jsonb_to_recordset($5) as r (id bigint, read bool, at timestamptz, due timestamptz, not_before timestamptz,
		       backfilled bool, demographics bool, failures int, reason jsonb, pace jsonb, words text, token timestamptz,
		       listed bool, list_cursor text, list_began timestamptz, listed_to timestamptz, listed_whole timestamptz)
		  on r.id = mine.social_account_id
		where f.kind = $1 and f.p_id = $2 and f.social_account_id = r.id
		returning f.social_account_id as id, f.kind, r.at, r.words)`+withWords,
		claim.Kind, int(claim.Platform), claim.Until, ids, stored)
}

// KeepHistory stores how far back an account's history has been read, and the result of the last
// attempt.
func (f Fetching) KeepHistory(
	ctx context.Context, queue domain.FetchQueue, socialAccount int64, h domain.FetchHistory, now time.Time,
) error {
	return pg.Exec(ctx, f.Pool, fmt.Sprintf("store how far back social account %d was read", socialAccount), `
		with results as (
		update fetch_state
		set history_from = $4, history_failures = $5, history_not_before = $6, history_reason = $7
		where kind = $1 and p_id = $2 and social_account_id = $3
		returning social_account_id as id, 'history' as kind, $8::timestamptz as at, $9::text as words)`+withWords,
		queue.Kind, int(queue.Platform), socialAccount,
		h.From, h.Failures, h.NotBefore, h.Reason, now, h.Words)
}

// ReadingAges returns the age of the newest successful reading of each queue. It omits queues that
// have never succeeded, queues without an attempt in the last two days (for example because the
// last account was disconnected), queues of paused platforms, and token renewals.
func (f Fetching) ReadingAges(ctx context.Context) (map[domain.FetchQueue]time.Duration, error) {
	var ids []int
	for _, p := range domain.Platforms() {
		ids = append(ids, int(p))
	}
	rows, _ := f.Pool.Query(ctx, `
		select kind, p_id, now() - max(read_at) from fetch_state
		where kind <> $1 and p_id not in (
			select p.id from unnest($2::smallint[], $3::text[]) as p(id, name) join pauses u on u.kind = $4 and u.name = p.name)
		group by kind, p_id having max(updated_at) > now() - interval '2 days' and max(read_at) is not null`,
		domain.FetchTokens, ids, domain.PlatformNames(), domain.PausePlatform)
	ages := map[domain.FetchQueue]time.Duration{}
	var queue domain.FetchQueue
	var age time.Duration
	_, err := pgx.ForEachRow(rows, []any{&queue.Kind, &queue.Platform, &age}, func() error {
		ages[queue] = age
		return nil
	})
	return ages, pg.Wrap("read the age of the newest readings", err)
}

// How long a mark prevents others from recording the same change, by the database's clock.
const (
	// unsureMark applies while it is unknown whether the log contains the change: the process that
	// set the mark may have stopped before recording it. It exceeds the time in which an abandoned
	// append can still succeed plus the time until the tables show the change.
	unsureMark = 5 * time.Minute
	// recordedMark applies if the log contains the change. The mark ends earlier if the tables show
	// the change.
	recordedMark = time.Hour
)

// First marks a change of the state of a connection, or of one of its pages (0: of all), and reports
// whether the caller must record it. It returns false if a change to the same state is already marked
// and not yet in the tables. shown is the time of the state that the tables showed to the caller; nil
// if they showed no state.
func (f Fetching) First(ctx context.Context, connection, page int64, works bool, shown *time.Time) (bool, error) {
	tag, err := f.Pool.Exec(ctx, `
		insert into connection_marks as m (connection_id, social_account_id, works, at) values ($1, $6, $2, clock_timestamp())
		on conflict (connection_id, social_account_id) do update set works = excluded.works, at = excluded.at, recorded = null
		where m.works <> excluded.works or m.recorded <= $3
		   or m.at < clock_timestamp() - case when m.recorded is null then $4::interval else $5::interval end`,
		connection, works, shown, unsureMark, recordedMark, page)
	return tag.RowsAffected() > 0, pg.Wrap(fmt.Sprintf("mark a change of connection %d", connection), err)
}

// Recorded stores in a mark that the log contains the change, and the time of the change.
func (f Fetching) Recorded(ctx context.Context, connection, page int64, works bool, at time.Time) error {
	return pg.Exec(ctx, f.Pool, fmt.Sprintf("record that the log contains a change of connection %d", connection),
		`update connection_marks set recorded = $3 where connection_id = $1 and works = $2 and social_account_id = $4`,
		connection, works, at, page)
}

// forgottenAfter is how long a note is kept after the last attempt. A post without a note is
// requested again.
const forgottenAfter = 400 * 24 * time.Hour

// PostNotes returns the notes on the posts of social accounts, by account.
func (f Fetching) PostNotes(ctx context.Context, socialAccounts []int64) (map[int64][]domain.PostNote, error) {
	rows, _ := f.Pool.Query(ctx, `
		select social_account_id, external_id, code, since, tried_at from post_notes where social_account_id = any($1)`, socialAccounts)
	notes := map[int64][]domain.PostNote{}
	var account int64
	var note domain.PostNote
	_, err := pgx.ForEachRow(rows, []any{&account, &note.ExternalID, &note.Code, &note.Since, &note.TriedAt}, func() error {
		notes[account] = append(notes[account], note)
		return nil
	})
	return notes, pg.Wrap(fmt.Sprintf("read notes of posts of %d social accounts", len(socialAccounts)), err)
}

// KeepPostNotes stores notes on an account's posts and deletes the notes on posts that were read.
func (f Fetching) KeepPostNotes(
	ctx context.Context, socialAccount int64, notes []domain.PostNote, read []string, now time.Time,
) error {
	type storedNote struct {
		ID    string            `json:"id"`
		Code  domain.StatusCode `json:"code"`
		Since time.Time         `json:"since"`
		Tried time.Time         `json:"tried"`
	}
	stored := make([]storedNote, len(notes))
	for i, note := range notes {
		stored[i] = storedNote{note.ExternalID, note.Code, note.Since, note.TriedAt}
	}
	err := pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from post_notes where social_account_id = $1 and external_id = any($2) or tried_at < $3`,
			socialAccount, read, now.Add(-forgottenAfter))
		if err != nil || len(notes) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into post_notes (social_account_id, external_id, code, since, tried_at)
			select $1, n.* from jsonb_to_recordset($2) as n (id text, code text, since timestamptz, tried timestamptz) order by 2
			on conflict (social_account_id, external_id) do update
			set code = excluded.code, since = excluded.since, tried_at = excluded.tried_at`,
			socialAccount, stored)
		return err
	})
	return pg.Wrap(fmt.Sprintf("store notes of %d posts of social account %d", len(notes)+len(read), socialAccount), err)
}
