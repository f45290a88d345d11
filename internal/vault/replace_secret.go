package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// ClaimRenewal claims the renewal of the secret old, which must still be stored, for the given time
// of the database. Until then, or until the secret is replaced or [Secrets.EndRenewal] is called,
// nobody else can claim or replace it, except for a sign-in ([Secrets.Put]). The error wraps
// [ErrSwapped] if old is not stored anymore, and [domain.ErrSecretRenewing] if another process
// renews it.
func (s *Secrets) ClaimRenewal(
	ctx context.Context, ref string, old []byte, lasts time.Duration,
) (claim domain.RenewalClaim, err error) {
	claim.ID = rand.Text()
	err = s.replace(ctx, ref, "", old, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			with before as (select renewed_by from secrets where ref = $1)
			update secrets set renewed_by = $2, renewing_until = clock_timestamp() + $3 where ref = $1
			returning (select renewed_by is not null from before)`, ref, claim.ID, lasts).Scan(&claim.Unfinished)
	})
	return claim, pg.Wrap(fmt.Sprintf("claim the renewal of secret %q", ref), err)
}

// EndRenewal ends the claim of a renewal that failed. After an unfinished one, the next claim says so
// too.
func (s *Secrets) EndRenewal(ctx context.Context, ref string, claim domain.RenewalClaim) error {
	return pg.Exec(ctx, s.pool, fmt.Sprintf("end the renewal of secret %q", ref),
		`update secrets set renewed_by = case when $3 then renewed_by end, renewing_until = null where ref = $1 and renewed_by = $2`,
		ref, claim.ID, claim.Unfinished)
}

// Swap replaces the secret old, which must still be stored, and ends the renewal with the claim; ""
// if the caller has none. The error wraps [ErrSwapped] if the secret was deleted, or if another one
// was stored in the meantime because a person signed in again; that secret is kept. It wraps
// [domain.ErrSecretRenewing] if another process renews the secret. If times.Taken is zero, the time
// of the old secret is kept. Other errors: as for [Secrets.Put] and [Secrets.Get].
func (s *Secrets) Swap(ctx context.Context, ref, claim string, old, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	err := s.replace(ctx, ref, claim, old, func(tx pgx.Tx) error {
		key := s.keys.Current()[0]
		_, err := tx.Exec(ctx, `update secrets set key_id = $2, sealed = $3, updated_at = coalesce($4, updated_at), expires_at = $5,
			renewable_until = $6, data_access_until = $7, granted = $8, renewed_by = null, renewing_until = null where ref = $1`,
			ref, key.id, key.seal(ref, secret), nullIfZero(times.Taken), nullIfZero(times.Expires),
			nullIfZero(times.RenewableUntil), nullIfZero(times.DataAccessUntil), scopesText(times.Granted))
		return err
	})
	return pg.Wrap(fmt.Sprintf("store secret %q", ref), err)
}

// replace locks a secret and calls do, unless another secret than old is stored, or another process
// than the holder of claim renews it.
func (s *Secrets) replace(ctx context.Context, ref, claim string, old []byte, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		stored, renewed := sealedRow{Ref: ref}, false
		row := tx.QueryRow(ctx, `
			select key_id, sealed, coalesce(renewing_until > clock_timestamp() and renewed_by <> $2, false)
			from secrets where ref = $1 for update`, ref, claim)
		err := row.Scan(&stored.KeyID, &stored.Sealed, &renewed)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("it was deleted: %w", ErrSwapped)
		}
		if err != nil {
			return fmt.Errorf("read the stored secret: %w", err)
		}
		opened, err := s.keys.Current().Open(stored.Ref, stored.KeyID, stored.Sealed)
		switch {
		case err != nil:
			return fmt.Errorf("open the stored secret: %w", err)
		case string(opened) != string(old):
			return ErrSwapped
		case renewed:
			return domain.ErrSecretRenewing
		}
		return do(tx)
	})
}

// PutOver is like [Secrets.Put], but old must still be stored; nil: no secret may be stored.
// Otherwise, the error wraps [ErrSwapped], and the stored secret is kept. It wraps
// [domain.ErrSecretRenewing] if a process renews the secret.
func (s *Secrets) PutOver(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	var err error
	if old == nil {
		var tag pgconn.CommandTag
		tag, err = s.pool.Exec(ctx, insertRow+` on conflict do nothing`, s.values(ref, secret, times)...)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrSwapped
		}
	} else {
		err = s.replace(ctx, ref, "", old, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, insertRow+orReplace, s.values(ref, secret, times)...)
			return err
		})
	}
	return pg.Wrap(fmt.Sprintf("store secret %q", ref), err)
}
