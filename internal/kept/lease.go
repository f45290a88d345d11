package kept

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Rhythm and length of leases.
const (
	leaseLook = 50 * time.Millisecond
	// leaseFor is longer than a call to a token endpoint may take with the store before and after it.
	leaseFor = time.Minute
)

// Lease waits until no other process works on the secret of ref, for at most as long as ctx, and keeps
// them away until release. A holder that died is overtaken after a minute. It holds no connection to the
// database, so that as many may be held as there are secrets.
func (s *Secrets) Lease(ctx context.Context, ref string) (release func(), err error) {
	token := rand.Text()
	for {
		tag, err := s.pool.Exec(ctx, `
			insert into token_leases as l (ref, token, until) values ($1, $2, now() + $3::interval)
			on conflict (ref) do update set token = excluded.token, until = excluded.until where l.until < now()`,
			ref, token, leaseFor)
		if err != nil {
			return nil, fmt.Errorf("lease secret %q: %w", ref, err)
		}
		if tag.RowsAffected() > 0 {
			return func() {
				// Whoever waits overtakes it when it is late, if this fails.
				_, _ = s.pool.Exec(context.WithoutCancel(ctx), `delete from token_leases where ref = $1 and token = $2`, ref, token)
			}, nil
		}
		select {
		case <-time.After(leaseLook):
		case <-ctx.Done():
			return nil, fmt.Errorf("lease secret %q: %w", ref, ctx.Err())
		}
	}
}

// Swap stores a secret in the place of old, which must still be there: [ErrSwapped] when somebody stored
// another one meanwhile (a person signed in again), and theirs stays. Errors besides: those of Put and Get.
func (s *Secrets) Swap(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error {
	if err := checkSecret(ref, secret); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	var present sealedRow
	present.Ref = ref
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit there is nothing to undo
	row := tx.QueryRow(ctx, `select key_id, sealed from secrets where ref = $1 for update`, ref)
	if err := row.Scan(&present.KeyID, &present.Sealed); err != nil {
		return errors.Join(ErrSwapped, fmt.Errorf("read secret %q: %w", ref, err))
	}
	opened, err := s.open(present)
	if err != nil {
		return fmt.Errorf("open secret %q: %w", ref, err)
	}
	if string(opened) != string(old) {
		return fmt.Errorf("store secret %q: %w", ref, ErrSwapped)
	}
	sealed, err := s.keys[0].seal(ref, secret)
	if err != nil {
		return fmt.Errorf("seal secret %q: %w", ref, err)
	}
	if _, err := tx.Exec(ctx, `update secrets set key_id = $2, sealed = $3, updated_at = $4, expires_at = $5 where ref = $1`,
		ref, s.keys[0].id, sealed, times.Taken, nullIfZero(times.Expires)); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("store secret %q: %w", ref, err)
	}
	return nil
}
