package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Limits of what is stored.
const (
	MaxRef    = 255     // characters of a ref
	MaxSecret = 1 << 20 // bytes of a secret: a sign-in that waits for a choice may offer a thousand pages, each with a token
)

// What [Secrets] answers besides failures of the database.
var (
	// ErrNoSecret (not_found): nothing is stored under the ref.
	ErrNoSecret = domain.NewError(domain.CodeNotFound, "There is no stored secret for this reference. Connect the account again.")
	// ErrEmptySecret (invalid): an empty secret never replaces a stored one.
	ErrEmptySecret = domain.NewError(domain.CodeInvalid, "An empty secret is not stored. To remove a secret, delete it.")
	// ErrSecretTooLarge (too_large): longer than [MaxSecret].
	ErrSecretTooLarge = domain.NewError(domain.CodeTooLarge, "A secret may have at most %d bytes.", MaxSecret)
	// ErrRef (invalid): the ref is empty, too long, or not text.
	ErrRef = domain.NewError(domain.CodeInvalid, "A secret's reference is text of 1 to %d characters.", MaxRef)
	// ErrSwapped (conflict): the secret that was to be replaced is not the stored one any more.
	ErrSwapped = domain.NewError(domain.CodeConflict, "Another secret was stored meanwhile, and stays.")
	// ErrUnknownKey (internal): the row was sealed with a key that this process was not given.
	ErrUnknownKey = domain.NewError(domain.CodeInternal,
		"A stored secret was sealed with a key that is not configured. Add that key to LEDGERBOARD_SECRETS_KEY.")
	// ErrTampered (internal): the row was changed, or was sealed for another ref.
	ErrTampered = domain.NewError(domain.CodeInternal,
		"A stored secret does not open: its row was changed. Connect the account again.")
)

// Secrets stores secrets sealed, each under a ref that events may name. No key shows in what is printed or logged of it: see [Key].
type Secrets struct {
	pool *pgxpool.Pool
	keys Keys
}

// NewSecrets returns the secrets of a pool that [Open] made. The first key seals, all open.
func NewSecrets(pool *pgxpool.Pool, keys Keys) (*Secrets, error) {
	if err := keys.validate(); err != nil {
		return nil, fmt.Errorf("check secret keys: %w", err)
	}
	return &Secrets{pool, append(Keys(nil), keys...)}, nil
}

// Put stores a secret under ref and replaces what is there. Errors: [ErrEmptySecret], [ErrSecretTooLarge],
// [ErrRef].
func (s *Secrets) Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	sealed, err := s.keys[0].seal(ref, secret)
	if err != nil {
		return fmt.Errorf("seal secret %q: %w", ref, err)
	}
	return pg.Exec(ctx, s.pool, fmt.Sprintf("store secret %q", ref), `
		insert into secrets (ref, key_id, sealed, updated_at, signed_in_at, expires_at, renewable_until, data_access_until, granted)
		values ($1, $2, $3, $4, $4, $5, $6, $7, $8)
		on conflict (ref) do update set key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at,
			signed_in_at = excluded.signed_in_at, expires_at = excluded.expires_at, renewable_until = excluded.renewable_until, data_access_until = excluded.data_access_until,
			granted = excluded.granted`,
		ref, s.keys[0].id, sealed, times.Taken, nullIfZero(times.Expires), nullIfZero(times.RenewableUntil), nullIfZero(times.DataAccessUntil),
		scopesText(times.Granted))
}

func nullIfZero(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// scopesText are scopes as they are stored: parted by spaces; null where they are not known.
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
		return nil, doing(orNone(err, ErrNoSecret), "get secret %q", ref)
	}
	secret, err := s.keys.open(row)
	return secret, doing(err, "get secret %q", ref)
}

// GetMany returns the secrets of refs at once. One that is not there, or does not open, is left out: Get says
// why.
func (s *Secrets) GetMany(ctx context.Context, refs []string) (map[string][]byte, error) {
	found, err := pg.List(ctx, s.pool, fmt.Sprintf("get %d secrets", len(refs)), pgx.RowToStructByName[sealedRow],
		`select ref, key_id, sealed from secrets where ref = any($1)`, refs)
	if err != nil {
		return nil, err
	}
	secrets := make(map[string][]byte, len(found))
	for _, row := range found {
		if secret, err := s.keys.open(row); err == nil {
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

func (k Keys) open(row sealedRow) ([]byte, error) {
	at := slices.Index(k.ids(), row.KeyID)
	if at < 0 {
		return nil, fmt.Errorf("key %q: %w", row.KeyID, ErrUnknownKey)
	}
	secret, err := k[at].open(row.Ref, row.Sealed)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", ErrTampered, err.Error())
	}
	return secret, nil
}

// Delete removes the secret of ref; there may be none. It is called for a tombstone, never because a
// row of a projection is absent.
func (s *Secrets) Delete(ctx context.Context, ref string) error {
	if !validRef(ref) {
		return nil
	}
	return pg.Exec(ctx, s.pool, fmt.Sprintf("delete secret %q", ref), `delete from secrets where ref = $1`, ref)
}
