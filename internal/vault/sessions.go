package vault

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

var (
	// ErrNoSession (not_found): there is none of that digest, or it has ended.
	ErrNoSession = domain.NewError(domain.CodeNotFound, "There is no such session. Sign in.")
	// ErrNoSignInLink (not_found): no link has that digest, or it was used, replaced, or has expired.
	ErrNoSignInLink = domain.NewError(domain.CodeNotFound, "This sign-in link is no longer valid. Ask the person who sent it for a new one.")
)

// seenEvery is how exactly it is known when a session was last seen: not every request writes.
const seenEvery = time.Minute

// SignInLink signs somebody in once.
type SignInLink struct {
	identity.Person

	MadeBy    string
	MadeAt    time.Time
	ExpiresAt time.Time
}

// Sessions is who is signed in to the console.
type Sessions struct {
	pool *pgxpool.Pool
	// beginning is held by each session that begins: it has a connection while it is put on record, which may take long. The other connections are for
	// those who are signed in.
	beginning chan struct{}
}

// NewSessions returns the sessions of a pool that [Open] made.
func NewSessions(pool *pgxpool.Pool) *Sessions { return &Sessions{pool, make(chan struct{}, Conns/2)} }

const sessionColumns = `id, user_id, account_id, role, way, begun_at, seen_at, expires_at`

// Begin stores a session that a word with the digest opens. A link that it came by, nil for none, is used up with it, and so are all others of
// the user: who is signed in needs none. Sessions that have ended go. Record puts the sign-in on record, nil for one that has none: it is called
// last, and if it fails nothing was stored or used up. Errors: [ErrNoSignInLink], that of record.
func (s *Sessions) Begin(ctx context.Context, begun identity.Session, digest, link []byte, record func(context.Context) error) error {
	select {
	case s.beginning <- struct{}{}:
		defer func() { <-s.beginning }()
	case <-ctx.Done():
		return doing(ctx.Err(), "begin a session")
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `delete from sign_in_links where user_id = $1 returning coalesce(digest = $2, false) and expires_at > $3`,
			begun.UserID, link, begun.BegunAt)
		used, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		if err == nil && link != nil && !slices.Contains(used, true) {
			err = ErrNoSignInLink
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into sessions (digest, `+sessionColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, digest, begun.ID,
			begun.UserID, begun.AccountID, begun.Role, begun.Way, begun.BegunAt, begun.SeenAt, begun.ExpiresAt)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from sessions where ctid = any(array(
			select ctid from sessions where expires_at <= $1 limit 100 for update skip locked))`, begun.BegunAt)
		if err == nil && record != nil {
			err = record(ctx)
		}
		return err
	})
	return doing(err, "begin a session")
}

// Find returns the session that lasts at now, and notes when it was seen. Error: [ErrNoSession].
func (s *Sessions) Find(ctx context.Context, digest []byte, now time.Time) (identity.Session, error) {
	rows, _ := s.pool.Query(ctx, `select `+sessionColumns+` from sessions where digest = $1 and expires_at > $2`, digest, now)
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[identity.Session])
	if err == nil && now.Sub(found.SeenAt) >= seenEvery {
		_, err = s.pool.Exec(ctx, `update sessions set seen_at = greatest(seen_at, $2) where digest = $1`, digest, now)
	}
	return found, doing(orNone(err, ErrNoSession), "look up a session")
}

// Of returns the sessions of a user that last at now, the newest first.
func (s *Sessions) Of(ctx context.Context, user string, now time.Time) ([]identity.Session, error) {
	return pg.List(ctx, s.pool, "list the sessions of a user", pgx.RowToStructByName[identity.Session], `
		select `+sessionColumns+` from sessions where user_id = $1 and expires_at > $2
		order by begun_at desc, id limit 100`, user, now)
}

// End ends one session of a user; one that is not there is ended already.
func (s *Sessions) End(ctx context.Context, user, id string) error {
	return pg.Exec(ctx, s.pool, "end a session", `delete from sessions where user_id = $1 and id = $2`, user, id)
}

// MakeLink stores a link that a word with the digest opens. Those of the same user work no more, and those that are too old go.
func (s *Sessions) MakeLink(ctx context.Context, l SignInLink, digest []byte) error {
	return pg.Exec(ctx, s.pool, "make a link that signs in", `
		with old as (delete from sign_in_links where expires_at <= $6 or user_id = $2)
		insert into sign_in_links (digest, user_id, account_id, role, made_by, made_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)`,
		digest, l.UserID, l.AccountID, l.Role, l.MadeBy, l.MadeAt, l.ExpiresAt)
}

// Link returns a link that works at now. Error: [ErrNoSignInLink].
func (s *Sessions) Link(ctx context.Context, digest []byte, now time.Time) (l SignInLink, err error) {
	rows, _ := s.pool.Query(ctx, `select user_id, account_id, role, made_by, made_at, expires_at from sign_in_links
		where digest = $1 and expires_at > $2`, digest, now)
	l, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[SignInLink])
	return l, doing(orNone(err, ErrNoSignInLink), "look up a link that signs in")
}
