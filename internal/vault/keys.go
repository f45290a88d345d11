package vault

import (
	"cmp"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// sealVersion is the first byte of a sealed secret. The nonce and the ciphertext with its tag
// follow.
const sealVersion = 1

var errForm = errors.New("unknown format of a sealed secret")

func (k Key) seal(ref string, secret []byte) []byte {
	const head = 1 + chacha20poly1305.NonceSizeX
	sealed := make([]byte, head, head+len(secret)+k.aead().Overhead())
	sealed[0] = sealVersion
	_, _ = rand.Read(sealed[1:]) // never fails
	return k.aead().Seal(sealed, sealed[1:head], secret, boundTo(ref))
}

func (k Key) open(ref string, sealed []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(sealed) < head+k.aead().Overhead() || sealed[0] != sealVersion {
		return nil, errForm
	}
	return k.aead().Open(nil, sealed[1:head], sealed[head:], boundTo(ref))
}

// boundTo returns the additional authenticated data of a seal, so that it opens only for this ref.
func boundTo(ref string) []byte { return append([]byte("ledgerboard secret\x00"), ref...) }

// KeySize is the length of a key in bytes.
const KeySize = chacha20poly1305.KeySize

// Key seals and opens secrets. It prints, logs and marshals as its ID.
type Key struct {
	id string
	// The cipher is hidden in a function: for a Key in an unexported field, fmt does not call
	// Format, but may print the memory that pointers refer to.
	aead func() cipher.AEAD
}

func newKey(b []byte) (Key, error) {
	if [KeySize]byte(b) == [KeySize]byte{} {
		return Key{}, errors.New("key is all zeros")
	}
	aead, err := chacha20poly1305.NewX(b)
	if err != nil {
		return Key{}, err
	}
	digest := sha256.Sum256(append([]byte("ledgerboard key id\x00"), b...))
	return Key{id: hex.EncodeToString(digest[:8]), aead: func() cipher.AEAD { return aead }}, nil
}

// ID identifies the key in stored rows. It is a digest and reveals nothing about the key.
func (k Key) ID() string { return k.id }

// String returns "key " and the key's ID.
func (k Key) String() string { return "key " + k.id }

// Format prints the result of String for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText returns the result of String, for JSON and logs.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Keys are the keys of a process: the first key seals, every key opens. They print, log and marshal
// as their IDs.
type Keys []Key

// Current implements [Keyring] for keys that do not change.
func (k Keys) Current() Keys { return k }

// Keyring contains the keys of a process, which may change while it runs. A caller uses the keys of
// one call for one row.
type Keyring interface{ Current() Keys }

// Seal seals a secret for a ref with the first key, whose ID it returns.
func (k Keys) Seal(ref string, secret []byte) (keyID string, sealed []byte) {
	return k[0].id, k[0].seal(ref, secret)
}

// Open opens a secret that was sealed for a ref. Errors: [ErrUnknownKey], [ErrTampered].
func (k Keys) Open(ref, keyID string, sealed []byte) ([]byte, error) {
	i := slices.Index(k.ids(), keyID)
	if i < 0 {
		return nil, fmt.Errorf("key %q: %w", keyID, ErrUnknownKey)
	}
	secret, err := k[i].open(ref, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", ErrTampered, err.Error())
	}
	return secret, nil
}

// OpenKeyring returns the keys of a setting: keys as for [ParseKeys], or file:PATH, which is read
// again at most once a minute. If it cannot be read again, the last keys stay in use.
func OpenKeyring(setting string, logger *slog.Logger) (Keyring, error) {
	r := rereadKeys{secret.Cached(setting, ParseKeys), cmp.Or(logger, slog.Default())}
	_, err := r.read()
	return r, err
}

type rereadKeys struct {
	read   func() (Keys, error)
	logger *slog.Logger
}

func (r rereadKeys) Current() Keys {
	keys, err := r.read()
	if err != nil {
		r.logger.Warn("cannot read LEDGERBOARD_SECRETS_KEY again; the last keys stay in use", "error", err)
	}
	return keys
}

// ParseKeys parses keys of [KeySize] bytes in base64 or hexadecimal, separated by commas or spaces.
// Errors identify a key by its position and do not contain it.
func ParseKeys(text string) (Keys, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\n\r", r) })
	var keys Keys
	var errs []error
	for i, field := range fields {
		b, ok := decodeKey(field)
		if !ok {
			errs = append(errs, fmt.Errorf("key %d is neither base64 nor hexadecimal of %d bytes "+
				"(create one with: openssl rand -base64 %d)", i+1, KeySize, KeySize))
			continue
		}
		key, err := newKey(b)
		errs, keys = append(errs, pg.Wrap(fmt.Sprintf("key %d", i+1), err)), append(keys, key)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return keys, keys.validate()
}

func (k Keys) validate() error {
	if len(k) == 0 {
		return errors.New("no key is configured")
	}
	ids := map[string]bool{}
	for i, key := range k {
		if key.aead == nil {
			return fmt.Errorf("key %d is empty", i+1)
		}
		if ids[key.id] {
			return fmt.Errorf("key %d is listed twice", i+1)
		}
		ids[key.id] = true
	}
	return nil
}

func decodeKey(field string) ([]byte, bool) {
	if b, err := hex.DecodeString(field); err == nil && len(b) == KeySize {
		return b, true
	}
	unpadded := strings.TrimRight(field, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := encoding.DecodeString(unpadded); err == nil && len(b) == KeySize {
			return b, true
		}
	}
	return nil, false
}

func (k Keys) ids() []string {
	ids := make([]string, len(k))
	for i, key := range k {
		ids[i] = key.id
	}
	return ids
}

const (
	rotateBatch = 500 // rows resealed per statement
	maxNamed    = 100 // unreadable refs that a [Rotation] lists
)

// Rotation is the result of [Secrets.Rotate].
type Rotation struct {
	Resealed int `json:"resealed"`
	// Remaining counts the rows that are not sealed with the first key: those that do not open, and
	// those that a process with another first key has stored in the meantime. Run Rotate again for
	// the latter.
	Remaining int `json:"remaining"`
	// Unreadable lists at most 100 refs that did not open. They were not changed.
	Unreadable []string `json:"unreadable,omitempty"`
}

// Rotate reseals every row that is not sealed with the first key. It may run concurrently with all
// other work, and may be interrupted and repeated.
func (s *Secrets) Rotate(ctx context.Context) (Rotation, error) {
	var rotation Rotation
	after, keys := "", s.keys.Current()
	for {
		rows, err := pg.List(ctx, s.pool, "read secrets under older keys", pgx.RowToStructByName[sealedRow], `
			select ref, key_id, sealed from secrets
			where key_id <> $1 and ref > $2 order by ref limit $3`, keys[0].id, after, rotateBatch)
		if err != nil {
			return rotation, err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].Ref
		if err := s.reseal(ctx, keys, rows, &rotation); err != nil {
			return rotation, err
		}
	}
	row := s.pool.QueryRow(ctx, `select count(*) from secrets where key_id <> $1`, keys[0].id)
	if err := row.Scan(&rotation.Remaining); err != nil {
		return rotation, fmt.Errorf("count secrets under older keys: %w", err)
	}
	return rotation, nil
}

func (s *Secrets) reseal(ctx context.Context, keys Keys, rows []sealedRow, rotation *Rotation) error {
	var refs []string
	var before, after [][]byte
	for _, row := range rows {
		secret, err := keys.Open(row.Ref, row.KeyID, row.Sealed)
		if err != nil {
			if len(rotation.Unreadable) < maxNamed {
				rotation.Unreadable = append(rotation.Unreadable, row.Ref)
			}
			continue
		}
		refs, before = append(refs, row.Ref), append(before, row.Sealed)
		after = append(after, keys[0].seal(row.Ref, secret))
	}
	// Only update rows that have not changed since they were read: a secret stored in the meantime
	// is newer. Lock them in order, so that two concurrent rotations do not deadlock.
	tag, err := s.pool.Exec(ctx, `
		with fresh as (
		  select ref, before, after from unnest($2::text[], $3::bytea[], $4::bytea[]) as f (ref, before, after)
		), locked as materialized (
		  select ref from secrets where ref = any($2) order by ref for update
		)
		update secrets set key_id = $1, sealed = fresh.after
		from fresh join locked on locked.ref = fresh.ref
		where secrets.ref = fresh.ref and secrets.sealed = fresh.before`, keys[0].id, refs, before, after)
	if err != nil {
		return fmt.Errorf("store resealed secrets: %w", err)
	}
	rotation.Resealed += int(tag.RowsAffected())
	return nil
}

// Check returns an error if the keys do not include the one that sealed the newest secret. Keys of
// older secrets may be lost: their accounts must be connected again.
func (s *Secrets) Check(ctx context.Context) error {
	var newest string
	err := s.pool.QueryRow(ctx, `select key_id from secrets order by updated_at desc, ref limit 1`).Scan(&newest)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("check the keys of stored secrets: %w", err)
	case !slices.Contains(s.keys.Current().ids(), newest):
		return fmt.Errorf("LEDGERBOARD_SECRETS_KEY does not open the stored tokens: the newest was sealed with "+
			"key %s, and the configured keys are %s. Add that key. If it is lost, delete the secrets that it sealed "+
			"(delete from kept.secrets where key_id = '%s') and connect the affected accounts again",
			newest, strings.Join(s.keys.Current().ids(), ", "), newest)
	}
	return nil
}
