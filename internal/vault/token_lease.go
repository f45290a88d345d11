package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const (
	leaseLook   = 50 * time.Millisecond // how often a waiting process checks whether the lease is free
	leaseLength = time.Minute           // after this time, others take over from a holder that has stopped
	leaseEvery  = 10 * time.Second      // how often a holder renews the lease
	// leaseMargin is how long before its expiry a lease that cannot be renewed is abandoned. It
	// exceeds the maximum duration of a call to a token endpoint and the following write, so that
	// no other process takes over during such a call.
	leaseMargin = 25 * time.Second
)

// errLeaseLost is the cancellation cause of a lease's context if the lease is lost.
var errLeaseLost = errors.New("the lease could not be renewed")

// Lease gives the caller exclusive use of the secret of ref until release is called. It waits until
// no other process holds the lease, at most until ctx is done. leaseCtx has the values of ctx but
// not its cancellation; it is canceled at release, or earlier if the lease may be lost. If a holder
// stops without a release, others take over after a minute. A held lease occupies no database
// connection.
func (s *Secrets) Lease(ctx context.Context, ref string) (leaseCtx context.Context, release func(), err error) {
	token := rand.Text()
	for {
		requestedAt := time.Now()
		tag, err := s.pool.Exec(ctx, `
			insert into token_leases as l (ref, token, until) values ($1, $2, now() + $3::interval)
			on conflict (ref) do update set token = excluded.token, until = excluded.until where l.until < now()`,
			ref, token, leaseLength)
		if err != nil {
			return nil, nil, fmt.Errorf("lease secret %q: %w", ref, err)
		}
		if tag.RowsAffected() > 0 {
			leaseCtx, release := s.hold(ctx, ref, token, requestedAt)
			return leaseCtx, release, nil
		}
		select {
		case <-time.After(leaseLook):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("lease secret %q: %w", ref, ctx.Err())
		}
	}
}

// hold renews a lease, which was requested at the given time, until its release.
func (s *Secrets) hold(
	ctx context.Context, ref, token string, requestedAt time.Time,
) (leaseCtx context.Context, release func()) {
	leaseCtx, end := context.WithCancelCause(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		end(s.renew(leaseCtx, ref, token, requestedAt))
	}()
	return leaseCtx, func() {
		end(nil)
		<-done
		// If this fails, or takes too long for a process that stops, another process can take over when
		// the lease expires.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseEvery)
		defer cancel()
		_, _ = s.pool.Exec(ctx, `delete from token_leases where ref = $1 and token = $2`, ref, token)
	}
}

// renew returns nil when leaseCtx is done, or an error when the lease is lost.
func (s *Secrets) renew(leaseCtx context.Context, ref, token string, requestedAt time.Time) error {
	safe := time.NewTimer(time.Until(requestedAt.Add(leaseLength - leaseMargin)))
	defer safe.Stop()
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for {
		select {
		case <-leaseCtx.Done():
			return nil
		case <-safe.C:
			return errLeaseLost
		case <-tick.C:
		}
		requestedAt = time.Now()
		renewCtx, cancel := context.WithTimeout(leaseCtx, leaseEvery)
		tag, err := s.pool.Exec(renewCtx, `update token_leases set until = now() + $3::interval where ref = $1 and token = $2`,
			ref, token, leaseLength)
		cancel()
		if err != nil {
			continue // retried until the lease may be lost
		}
		if tag.RowsAffected() == 0 {
			return errLeaseLost
		}
		safe.Reset(time.Until(requestedAt.Add(leaseLength - leaseMargin)))
	}
}

// Swap replaces the secret old, which must still be stored. The error wraps [ErrSwapped] if the
// secret was deleted, or if another one was stored in the meantime because a person signed in
// again; that secret is kept. If times.Taken is zero, the time of the old secret is kept. Other
// errors: as for [Secrets.Put] and [Secrets.Get].
func (s *Secrets) Swap(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.stillStored(ctx, tx, ref, old); err != nil {
			return err
		}
		key := s.keys.Current()[0]
		_, err := tx.Exec(ctx, `update secrets set key_id = $2, sealed = $3, updated_at = coalesce($4, updated_at), expires_at = $5,
			renewable_until = $6, data_access_until = $7, granted = $8 where ref = $1`,
			ref, key.id, key.seal(ref, secret), nullIfZero(times.Taken), nullIfZero(times.Expires),
			nullIfZero(times.RenewableUntil), nullIfZero(times.DataAccessUntil), scopesText(times.Granted))
		return err
	})
	return pg.Wrap(fmt.Sprintf("store secret %q", ref), err)
}

// stillStored locks a secret and returns an error that wraps [ErrSwapped] unless old is stored.
func (s *Secrets) stillStored(ctx context.Context, tx pgx.Tx, ref string, old []byte) error {
	stored := sealedRow{Ref: ref}
	row := tx.QueryRow(ctx, `select key_id, sealed from secrets where ref = $1 for update`, ref)
	err := row.Scan(&stored.KeyID, &stored.Sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("it was deleted: %w", ErrSwapped)
	}
	if err != nil {
		return fmt.Errorf("read the stored secret: %w", err)
	}
	opened, err := s.keys.Current().open(stored)
	if err != nil {
		return fmt.Errorf("open the stored secret: %w", err)
	}
	if string(opened) != string(old) {
		return ErrSwapped
	}
	return nil
}

// PutOver is like [Secrets.Put], but old must still be stored; nil: no secret may be stored.
// Otherwise, the error wraps [ErrSwapped], and the stored secret is kept.
func (s *Secrets) PutOver(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if old != nil {
			if err := s.stillStored(ctx, tx, ref, old); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, insertRow+orReplace, s.values(ref, secret, times)...)
			return err
		}
		tag, err := tx.Exec(ctx, insertRow+` on conflict do nothing`, s.values(ref, secret, times)...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrSwapped
		}
		return err
	})
	return pg.Wrap(fmt.Sprintf("store secret %q", ref), err)
}
