package vault

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Limits of stored values.
const (
	MaxRef    = 255     // characters of a ref
	MaxSecret = 1 << 20 // bytes of a secret: a pending sign-in may contain a thousand pages, each with a token
)

// Errors of [Secrets], in addition to database failures.
var (
	// ErrNoSecret (not_found): no secret is stored under the ref.
	ErrNoSecret = domain.NewError(domain.CodeNotFound,
		"No secret is stored under this reference. Connect the account again.")
	// ErrEmptySecret (invalid): an empty secret never replaces a stored one.
	ErrEmptySecret = domain.NewError(domain.CodeInvalid, "A secret must not be empty. To remove a secret, delete it.")
	// ErrSecretTooLarge (too_large): the secret is longer than [MaxSecret].
	ErrSecretTooLarge = domain.NewError(domain.CodeTooLarge, "A secret may have at most %d bytes.", MaxSecret)
	// ErrRef (invalid): the ref is empty, too long, or not text.
	ErrRef = domain.NewError(domain.CodeInvalid, "A secret's reference must be text of 1 to %d characters.", MaxRef)
	// ErrSwapped (conflict): the stored secret is not the one that was to be replaced.
	ErrSwapped = domain.NewError(domain.CodeConflict, "Another secret was stored in the meantime. It was not replaced.")
	// ErrUnknownKey (internal): the row was sealed with a key that this process does not have.
	ErrUnknownKey = domain.NewError(domain.CodeInternal,
		"A stored secret was sealed with a key that is not configured. Add that key to LEDGERBOARD_SECRETS_KEY.")
	// ErrTampered (internal): the row was changed, or was sealed for another ref.
	ErrTampered = domain.NewError(domain.CodeInternal,
		"A stored secret cannot be opened: its row was changed. Connect the account again.")
)

// Secrets stores sealed secrets, each under a ref that events may contain.
type Secrets struct {
	pool *pgxpool.Pool
	keys Keyring
}

// NewSecrets returns a store that uses a pool opened with [Open].
func NewSecrets(pool *pgxpool.Pool, keys Keyring) (*Secrets, error) {
	if err := keys.Current().validate(); err != nil {
		return nil, fmt.Errorf("check secret keys: %w", err)
	}
	return &Secrets{pool, keys}, nil
}

// Put stores a secret that was obtained by a sign-in under ref. It replaces an existing one, also
// while a process renews that, but not one of a later sign-in: the error then wraps [ErrSwapped].
// Other errors: [ErrEmptySecret], [ErrSecretTooLarge], [ErrRef].
func (s *Secrets) Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	tag, err := s.pool.Exec(ctx, insertRow+orReplace+` where secrets.signed_in_at <= excluded.signed_in_at`,
		s.values(ref, secret, times)...)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrSwapped
	}
	return pg.Wrap(fmt.Sprintf("store secret %q", ref), err)
}

const (
	insertRow = `
		insert into secrets (ref, key_id, sealed, updated_at, signed_in_at, expires_at, renewable_until, data_access_until, granted)
		values ($1, $2, $3, $4, $4, $5, $6, $7, $8)`
	orReplace = `
		on conflict (ref) do update set key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at,
			signed_in_at = excluded.signed_in_at, expires_at = excluded.expires_at, renewable_until = excluded.renewable_until,
			data_access_until = excluded.data_access_until, granted = excluded.granted,
			renewed_by = null, renewing_until = null`
)

func (s *Secrets) values(ref string, secret []byte, times domain.SecretTimes) []any {
	key := s.keys.Current()[0]
	return []any{
		ref, key.id, key.seal(ref, secret), times.Taken, nullIfZero(times.Expires),
		nullIfZero(times.RenewableUntil), nullIfZero(times.DataAccessUntil), scopesText(times.Granted),
	}
}

func nullIfZero(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// scopesText returns scopes separated by spaces; nil if they are unknown.
func scopesText(scopes []string) *string {
	if scopes == nil {
		return nil
	}
	return new(strings.Join(scopes, " "))
}

func checkSecret(ref string, secret []byte) error {
	switch {
	case !validRef(ref):
		return ErrRef
	case len(secret) == 0:
		return ErrEmptySecret
	case len(secret) > MaxSecret:
		return ErrSecretTooLarge
	default:
		return nil
	}
}

func validRef(ref string) bool {
	return ref != "" && utf8.ValidString(ref) && utf8.RuneCountInString(ref) <= MaxRef && !strings.ContainsRune(ref, 0)
}

// Get returns the secret of ref. Errors: [ErrNoSecret], [ErrUnknownKey], [ErrTampered].
func (s *Secrets) Get(ctx context.Context, ref string) ([]byte, error) {
	if !validRef(ref) {
		return nil, fmt.Errorf("get secret %q: %w", ref, ErrNoSecret)
	}
	row := sealedRow{Ref: ref}
	err := s.pool.QueryRow(ctx, `select key_id, sealed from secrets where ref = $1`, ref).Scan(&row.KeyID, &row.Sealed)
	if err != nil {
		return nil, pg.Wrap(fmt.Sprintf("get secret %q", ref), orNone(err, ErrNoSecret))
	}
	secret, err := s.keys.Current().Open(row.Ref, row.KeyID, row.Sealed)
	return secret, pg.Wrap(fmt.Sprintf("get secret %q", ref), err)
}

// GetMany returns the secrets of several refs. It omits those that are missing or do not open.
func (s *Secrets) GetMany(ctx context.Context, refs []string) (map[string][]byte, error) {
	found, err := pg.List(ctx, s.pool, fmt.Sprintf("get %d secrets", len(refs)), pgx.RowToStructByName[sealedRow],
		`select ref, key_id, sealed from secrets where ref = any($1)`, refs)
	if err != nil {
		return nil, err
	}
	secrets := make(map[string][]byte, len(found))
	for _, row := range found {
		if secret, err := s.keys.Current().Open(row.Ref, row.KeyID, row.Sealed); err == nil {
			secrets[row.Ref] = secret
		}
	}
	return secrets, nil
}

type sealedRow struct {
	Ref    string
	KeyID  string
	Sealed []byte
}

// SignedInAt returns when a person signed in to obtain the secret of ref; nil if no one did.
func (s *Secrets) SignedInAt(ctx context.Context, ref string) (at *time.Time, err error) {
	err = s.pool.QueryRow(ctx, `select max(signed_in_at) from secrets where ref = $1`, ref).Scan(&at)
	return at, pg.Wrap(fmt.Sprintf("read the sign-in of secret %q", ref), err)
}

// DeleteOf deletes the secret of ref if it was obtained by the sign-in of the given time. It keeps the
// secret of another sign-in, and deletes nothing if the time is nil.
func (s *Secrets) DeleteOf(ctx context.Context, ref string, signedIn *time.Time) error {
	return pg.Exec(ctx, s.pool, fmt.Sprintf("delete secret %q", ref),
		`delete from secrets where ref = $1 and signed_in_at = $2`, ref, signedIn)
}

// Delete deletes the secret of ref, if it exists. Call it for a tombstone, never because a row of a
// projection is absent.
func (s *Secrets) Delete(ctx context.Context, ref string) error {
	if !validRef(ref) {
		return nil
	}
	return pg.Exec(ctx, s.pool, fmt.Sprintf("delete secret %q", ref), `delete from secrets where ref = $1`, ref)
}
