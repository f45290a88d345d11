package signin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var (
	// ErrNoSession (not_found): no session has that digest, or the session has ended.
	ErrNoSession = domain.NewError(domain.CodeNotFound, "This session does not exist or has ended. Sign in.")
	// ErrNoSignInLink (not_found): no link has that digest, or the link was used or replaced or has
	// expired.
	ErrNoSignInLink = domain.NewError(domain.CodeNotFound,
		"This sign-in link is no longer valid. Ask the person who sent it for a new one.")
)

// Link signs a person in once.
type Link struct {
	Person

	MadeBy    string
	MadeAt    time.Time
	ExpiresAt time.Time
}

// Sessions stores the console's sessions and sign-in links.
type Sessions struct {
	// Record appends the sign-in of a user to the log; nil: sign-ins are not recorded.
	Record func(context.Context, domain.DirectorySession, domain.Audit) error
	People People // who have left; only for [Sessions.Link]

	pool *pgxpool.Pool
	keys vault.Keyring // seals the refresh tokens of the provider; nil: they are not kept
	// beginning limits the number of sessions that begin concurrently. Each uses a connection while
	// the sign-in is recorded, which may take long. The remaining connections serve signed-in
	// people.
	beginning chan struct{}
}

// NewSessions returns a store that uses a pool opened with [vault.Open]. keys seals the refresh tokens of
// the provider; if it is nil, they are not kept.
func NewSessions(pool *pgxpool.Pool, keys vault.Keyring) *Sessions {
	return &Sessions{pool: pool, keys: keys, beginning: make(chan struct{}, vault.Conns/2)}
}

const sessionColumns = `id, user_id, account_id, role, known_as, way, begun_at, seen_at, expires_at, provider_session`

const selectSession = `select ` + sessionColumns + `,
	case when sealed is not null then coalesce(checked_at, begun_at) end as checked_at from sessions`

// Begin stores a session under the digest of its cookie. It deletes all sign-in links of the user,
// and expired sessions. If link is not nil, it must be the digest of a valid link of the user. The
// sign-in is recorded last, and if that fails, nothing is stored or deleted: a colleague with a
// recorded sign-in is not invited again. If the commit fails, only the record exists, and the link is
// still valid. Errors: [ErrNoSignInLink], unavailable (the sign-in cannot be recorded).
func (s *Sessions) Begin(ctx context.Context, session Session, digest, link []byte) error {
	select {
	case s.beginning <- struct{}{}:
		defer func() { <-s.beginning }()
	case <-ctx.Done():
		return pg.Wrap("begin a session", ctx.Err())
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			delete from sign_in_links where user_id = $1 returning coalesce(digest = $2, false) and expires_at > $3`,
			session.UserID, link, session.BegunAt)
		used, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		if err == nil && link != nil && !slices.Contains(used, true) {
			err = ErrNoSignInLink
		}
		if err != nil {
			return err
		}
		keyID, sealed := s.seal(digest, session.Refresh)
		_, err = tx.Exec(ctx, `insert into sessions (digest, `+sessionColumns+`, key_id, sealed)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			digest, session.ID, session.UserID, session.AccountID, session.Role, session.KnownAs, session.Way,
			session.BegunAt, session.SeenAt, session.ExpiresAt, session.ProviderSession, keyID, sealed)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from sessions where ctid = any(array(
			select ctid from sessions where expires_at <= $1 limit 100 for update skip locked))`, session.BegunAt)
		if err == nil {
			err = s.record(ctx, session)
		}
		return err
	})
	return pg.Wrap("begin a session", err)
}

var errSignInNotRecorded = domain.NewError(domain.CodeUnavailable,
	"Your sign-in cannot be recorded at the moment, so you are not signed in. Try again shortly.")

// record does not record the sign-ins of auditors and operators, who may not be in the directory.
func (s *Sessions) record(ctx context.Context, session Session) error {
	if s.Record == nil || !session.IsUser() {
		return nil
	}
	role, _, _ := strings.Cut(session.Role, ",")
	entity := domain.DirectorySession{ID: session.ID, UserID: session.UserID, LoginAt: session.BegunAt}
	if err := s.Record(ctx, entity, domain.Audit{Actor: session.UserID, Role: role}); err != nil {
		return fmt.Errorf("%w (%w)", errSignInNotRecorded, err)
	}
	return nil
}

// Find returns a session that is valid at now. Error: [ErrNoSession].
func (s *Sessions) Find(ctx context.Context, digest []byte, now time.Time) (Session, error) {
	return one[Session](ctx, s.pool, "look up a session", ErrNoSession,
		selectSession+` where digest = $1 and expires_at > $2`, digest, now)
}

// Seen stores the time of a session's last activity.
func (s *Sessions) Seen(ctx context.Context, digest []byte, now time.Time) error {
	return pg.Exec(ctx, s.pool, "store the last use of a session",
		`update sessions set seen_at = greatest(seen_at, $2) where digest = $1`, digest, now)
}

// Of returns a user's sessions that are valid at now, newest first.
func (s *Sessions) Of(ctx context.Context, user string, now time.Time) ([]Session, error) {
	return pg.List(ctx, s.pool, "list the sessions of a user", pgx.RowToStructByName[Session],
		selectSession+` where user_id = $1 and expires_at > $2 order by begun_at desc, id`, user, now)
}

// SessionKey is the position of a session in a list.
type SessionKey struct {
	BegunAt time.Time `json:"t"`
	ID      string    `json:"i"`
}

// SelectSessions returns the statement for the sessions of a person, or of everyone if user is "", that
// are valid at now and come after a session, newest first. The zero key is the start of the list.
func SelectSessions(user string, now time.Time, after SessionKey, limit int) (sql string, args []any) {
	return selectSession + ` where ($1 = '' or user_id = $1) and expires_at > $2
		and ($4 = '' or begun_at < $3 or begun_at = $3 and id > $4) order by begun_at desc, id limit $5`,
		[]any{user, now, after.BegunAt, after.ID, limit}
}

// WithID returns the session with an id that is valid at now. Error: [ErrNoSession].
func (s *Sessions) WithID(ctx context.Context, id string, now time.Time) (Session, error) {
	return one[Session](ctx, s.pool, "look up a session", ErrNoSession,
		selectSession+` where id = $1 and expires_at > $2`, id, now)
}

// End ends one session of a user; it succeeds if the session does not exist.
func (s *Sessions) End(ctx context.Context, user, id string) error {
	return pg.Exec(ctx, s.pool, "end a session", `delete from sessions where user_id = $1 and id = $2`, user, id)
}

// MakeLink stores a link under the digest of its secret. It deletes the user's other links and all
// expired links.
func (s *Sessions) MakeLink(ctx context.Context, l Link, digest []byte) error {
	return pg.Exec(ctx, s.pool, "create a sign-in link", `
		with old as (delete from sign_in_links where expires_at <= $6 or user_id = $2)
		insert into sign_in_links (digest, user_id, account_id, role, made_by, made_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)`,
		digest, l.UserID, l.AccountID, l.Role, l.MadeBy, l.MadeAt, l.ExpiresAt)
}

// Link returns the person whom a link that is valid at now signs in. Error: [ErrNoSignInLink], also if
// the person who created the link has left. This is not checked for operators, who are not in the
// directory.
func (s *Sessions) Link(ctx context.Context, digest []byte, now time.Time) (Person, error) {
	link, err := one[Link](ctx, s.pool, "look up a sign-in link", ErrNoSignInLink, `
		select user_id, account_id, role, made_by, made_at, expires_at from sign_in_links
		where digest = $1 and expires_at > $2`, digest, now)
	if err != nil {
		return Person{}, err
	}
	maker, err := s.People.UserStatus(ctx, link.MadeBy, "")
	if err == nil && (maker.Erased || maker.Known && !maker.Active) {
		err = ErrNoSignInLink
	}
	return link.Person, err
}

// one scans the only row of a query by column names. Without a row, the error wraps missing.
func one[T any](
	ctx context.Context, pool *pgxpool.Pool, doing string, missing error, query string, args ...any,
) (T, error) {
	row, found, err := pg.Find(ctx, pool, doing, pgx.RowToStructByName[T], query, args...)
	if err == nil && !found {
		err = pg.Wrap(doing, missing)
	}
	return row, err
}
