package vault

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

var (
	// ErrNoSession (not_found): no session has that digest, or the session has ended.
	ErrNoSession = domain.NewError(domain.CodeNotFound, "This session does not exist or has ended. Sign in.")
	// ErrNoSignInLink (not_found): no link has that digest, or the link was used or replaced or has
	// expired.
	ErrNoSignInLink = domain.NewError(domain.CodeNotFound,
		"This sign-in link is no longer valid. Ask the person who sent it for a new one.")
)

// SignInLink signs a person in once.
type SignInLink struct {
	identity.Person

	MadeBy    string
	MadeAt    time.Time
	ExpiresAt time.Time
}

// Sessions stores the console's sessions.
type Sessions struct {
	pool *pgxpool.Pool
	keys Keyring // seals the refresh tokens of the provider; nil: they are not kept
	// beginning limits the number of sessions that begin concurrently. Each uses a connection while
	// the sign-in is recorded, which may take long. The remaining connections serve signed-in
	// people.
	beginning chan struct{}
}

// NewSessions returns a store that uses a pool opened with [Open]. keys seals the refresh tokens of
// the provider; if it is nil, they are not kept.
func NewSessions(pool *pgxpool.Pool, keys Keyring) *Sessions {
	return &Sessions{pool, keys, make(chan struct{}, Conns/2)}
}

const sessionColumns = `id, user_id, account_id, role, known_as, way, begun_at, seen_at, expires_at, provider_session`

const selectSession = `select ` + sessionColumns + `,
	case when sealed is not null then coalesce(checked_at, begun_at) end as checked_at from sessions`

// Begin stores a session under the digest of its cookie. It deletes all sign-in links of the user,
// and expired sessions. If link is not nil, it must be the digest of a valid link of the user.
// record, if not nil, records the sign-in: it is called last, and if it fails, nothing is stored or
// deleted. Errors: [ErrNoSignInLink], and those of record.
func (s *Sessions) Begin(
	ctx context.Context, session identity.Session, digest, link []byte, record func(context.Context) error,
) error {
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
		if err == nil && record != nil {
			err = record(ctx)
		}
		return err
	})
	return pg.Wrap("begin a session", err)
}

// Find returns a session that is valid at now. Error: [ErrNoSession].
func (s *Sessions) Find(ctx context.Context, digest []byte, now time.Time) (identity.Session, error) {
	return one[identity.Session](ctx, s.pool, "look up a session", ErrNoSession,
		selectSession+` where digest = $1 and expires_at > $2`, digest, now)
}

// Seen stores the time of a session's last activity.
func (s *Sessions) Seen(ctx context.Context, digest []byte, now time.Time) error {
	return pg.Exec(ctx, s.pool, "store the last use of a session",
		`update sessions set seen_at = greatest(seen_at, $2) where digest = $1`, digest, now)
}

// Of returns a user's sessions that are valid at now, newest first.
func (s *Sessions) Of(ctx context.Context, user string, now time.Time) ([]identity.Session, error) {
	return pg.List(ctx, s.pool, "list the sessions of a user", pgx.RowToStructByName[identity.Session],
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
func (s *Sessions) WithID(ctx context.Context, id string, now time.Time) (identity.Session, error) {
	return one[identity.Session](ctx, s.pool, "look up a session", ErrNoSession,
		selectSession+` where id = $1 and expires_at > $2`, id, now)
}

// End ends one session of a user; it succeeds if the session does not exist.
func (s *Sessions) End(ctx context.Context, user, id string) error {
	return pg.Exec(ctx, s.pool, "end a session", `delete from sessions where user_id = $1 and id = $2`, user, id)
}

// MakeLink stores a link under the digest of its secret. It deletes the user's other links and all
// expired links.
func (s *Sessions) MakeLink(ctx context.Context, l SignInLink, digest []byte) error {
	return pg.Exec(ctx, s.pool, "create a sign-in link", `
		with old as (delete from sign_in_links where expires_at <= $6 or user_id = $2)
		insert into sign_in_links (digest, user_id, account_id, role, made_by, made_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)`,
		digest, l.UserID, l.AccountID, l.Role, l.MadeBy, l.MadeAt, l.ExpiresAt)
}

// Link returns a link that is valid at now. Error: [ErrNoSignInLink].
func (s *Sessions) Link(ctx context.Context, digest []byte, now time.Time) (SignInLink, error) {
	return one[SignInLink](ctx, s.pool, "look up a sign-in link", ErrNoSignInLink, `
		select user_id, account_id, role, made_by, made_at, expires_at from sign_in_links
		where digest = $1 and expires_at > $2`, digest, now)
}

var (
	// ErrNotLinked (not_found): the user is not linked.
	ErrNotLinked = domain.NewError(domain.CodeNotFound,
		"This user is not linked to an identity provider: there is no link to remove.")
	// ErrLinkedElsewhere (conflict): the user is linked to another subject of the issuer, or the
	// subject to another user.
	ErrLinkedElsewhere = domain.NewError(domain.CodeConflict,
		"This user is already linked to another account at the identity provider, or this account to another user.")
)

// FederatedIdentities are the subjects of identity providers that are linked to users. A user has at most one subject of each
// issuer: links to an earlier issuer neither count nor prevent a link to the current one.
type FederatedIdentities struct{ Pool *pgxpool.Pool }

// User returns the user that a subject of an issuer is linked to. Error: [ErrNotLinked].
func (f FederatedIdentities) User(ctx context.Context, issuer, subject string) (user string, err error) {
	row := f.Pool.QueryRow(ctx, `select user_id from identities where issuer = $1 and subject = $2`, issuer, subject)
	err = row.Scan(&user)
	return user, pg.Wrap("look up the user of an identity", orNone(err, ErrNotLinked))
}

// UsersNamed returns the users who are linked to one of the names: a subject of any issuer, or an issuer
// and a subject separated by a space.
func (f FederatedIdentities) UsersNamed(ctx context.Context, names []string) (users []string, err error) {
	return pg.List(ctx, f.Pool, "look up the users of names", pgx.RowTo[string],
		`select user_id from identities where subject = any($1) or issuer || ' ' || subject = any($1)`, names)
}

// UnknownNames returns those of the names that are not the name of anyone who is linked or signed in.
func (f FederatedIdentities) UnknownNames(ctx context.Context, names []string) ([]string, error) {
	return pg.List(ctx, f.Pool, "look for people by name", pgx.RowTo[string], `
		select name from unnest($1::text[]) name
		where not exists (select from identities where subject = name or issuer || ' ' || subject = name)
		  and not exists (select from sessions where user_id = name or name = any(known_as))`, names)
}

// Link links a subject of an issuer to a user. Of several concurrent calls one succeeds. Error:
// [ErrLinkedElsewhere], including when the subject was linked to another user in the meantime.
func (f FederatedIdentities) Link(ctx context.Context, issuer, subject, user string, now time.Time) error {
	err := pg.Exec(ctx, f.Pool, "link a user", `
		insert into identities (issuer, subject, user_id, linked_at) values ($1, $2, $3, $4) on conflict do nothing`,
		issuer, subject, user, now)
	if err != nil {
		return err
	}
	linked, err := f.User(ctx, issuer, subject)
	if err == nil && linked != user || errors.Is(err, ErrNotLinked) {
		return ErrLinkedElsewhere
	}
	return err
}

// Issuers returns the issuers that a user is linked to. Error: [ErrNotLinked].
func (f FederatedIdentities) Issuers(ctx context.Context, user string) (issuers []string, err error) {
	issuers, err = pg.List(ctx, f.Pool, "look up the identities of a user", pgx.RowTo[string],
		`select issuer from identities where user_id = $1 order by linked_at desc`, user)
	if err == nil && len(issuers) == 0 {
		err = ErrNotLinked
	}
	return issuers, err
}

// Unlink removes a user's links and ends the user's sessions. Error: [ErrNotLinked].
func (f FederatedIdentities) Unlink(ctx context.Context, user string) error {
	return pg.Wrap("remove the identity of a user", pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from identities where user_id = $1`, user)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotLinked
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from sessions where user_id = $1`, user)
		return err
	}))
}
