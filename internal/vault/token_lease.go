package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	leaseLook   = 50 * time.Millisecond // between two looks whether a lease is free
	leaseLength = time.Minute           // a holder that died is overtaken after it
	leaseEvery  = 10 * time.Second      // how often a living holder prolongs it
	// leaseMargin is how long before its end a lease that could not be prolonged is given up: longer than a call to
	// a token endpoint may take with the store after it, so that nobody begins one who may be overtaken in it.
	leaseMargin = 25 * time.Second
)

// errLeaseLost is why held ends before its release.
var errLeaseLost = errors.New("the lease could not be prolonged")

// Lease waits until no other process works on the secret of ref, for at most as long as ctx, and keeps
// them away until release. It is prolonged for as long as it is held; held has the values of ctx, does not
// end with it, and ends at the release, or before when the lease may be lost. A holder that died is
// overtaken after a minute. It holds no connection to the database, so that as many may be held as there
// are secrets.
func (s *Secrets) Lease(ctx context.Context, ref string) (held context.Context, release func(), err error) {
	token := rand.Text()
	for {
		asked := time.Now()
		tag, err := s.pool.Exec(ctx, `
			insert into token_leases as l (ref, token, until) values ($1, $2, now() + $3::interval)
			on conflict (ref) do update set token = excluded.token, until = excluded.until where l.until < now()`,
			ref, token, leaseLength)
		if err != nil {
			return nil, nil, fmt.Errorf("lease secret %q: %w", ref, err)
		}
		if tag.RowsAffected() > 0 {
			held, release := s.hold(ctx, ref, token, asked)
			return held, release, nil
		}
		select {
		case <-time.After(leaseLook):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("lease secret %q: %w", ref, ctx.Err())
		}
	}
}

// hold prolongs a lease that was asked for at a time, until its release.
func (s *Secrets) hold(ctx context.Context, ref, token string, asked time.Time) (held context.Context, release func()) {
	held, end := context.WithCancelCause(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		end(s.prolong(held, ref, token, asked))
	}()
	return held, func() {
		end(nil)
		<-ended
		// Whoever waits overtakes it when it is late, if this fails.
		_, _ = s.pool.Exec(context.WithoutCancel(ctx), `delete from token_leases where ref = $1 and token = $2`, ref, token)
	}
}

// prolong returns when held ends, nil, or when the lease is lost.
func (s *Secrets) prolong(held context.Context, ref, token string, asked time.Time) error {
	sure := time.NewTimer(time.Until(asked.Add(leaseLength - leaseMargin)))
	defer sure.Stop()
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for {
		select {
		case <-held.Done():
			return nil
		case <-sure.C:
			return errLeaseLost
		case <-tick.C:
		}
		asked := time.Now()
		within, cancel := context.WithTimeout(held, leaseEvery)
		tag, err := s.pool.Exec(within, `update token_leases set until = now() + $3::interval where ref = $1 and token = $2`, ref, token, leaseLength)
		cancel()
		if err != nil {
			continue // tried again until it is not sure any more
		}
		if tag.RowsAffected() == 0 {
			return errLeaseLost
		}
		sure.Reset(time.Until(asked.Add(leaseLength - leaseMargin)))
	}
}

// Swap stores a secret in the place of old, which must still be there: [ErrSwapped] when somebody stored
// another one meanwhile (a person signed in again), and theirs stays. With a zero times.Taken the secret
// counts as taken when the old one was. Errors besides: those of Put and Get.
func (s *Secrets) Swap(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		present := sealedRow{Ref: ref}
		err := tx.QueryRow(ctx, `select key_id, sealed from secrets where ref = $1 for update`, ref).Scan(&present.KeyID, &present.Sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("it is gone: %w", ErrSwapped)
		}
		if err != nil {
			return fmt.Errorf("read the present one: %w", err)
		}
		opened, err := s.keys.open(present)
		if err != nil {
			return fmt.Errorf("open the present one: %w", err)
		}
		if string(opened) != string(old) {
			return ErrSwapped
		}
		sealed, err := s.keys[0].seal(ref, secret)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update secrets set key_id = $2, sealed = $3, updated_at = coalesce($4, updated_at), expires_at = $5,
			renewable_until = $6, data_access_until = $7, granted = $8 where ref = $1`,
			ref, s.keys[0].id, sealed, nullIfZero(times.Taken), nullIfZero(times.Expires), nullIfZero(times.RenewableUntil),
			nullIfZero(times.DataAccessUntil), scopesText(times.Granted))
		return err
	})
	return doing(err, "store secret %q", ref)
}
