package vault

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rotateBatch is how many rows are re-sealed by one statement.
const rotateBatch = 500

// maxNamed is how many unreadable refs a [Rotation] names.
const maxNamed = 100

// Rotation says what [Secrets.Rotate] did.
type Rotation struct {
	Resealed int `json:"resealed"`
	// Remaining rows are not under the newest key: those that do not open, and those that a process
	// with an older newest key has stored meanwhile (run it again).
	Remaining int `json:"remaining"`
	// Unreadable refs did not open and were left alone; at most 100 are named.
	Unreadable []string `json:"unreadable,omitempty"`
}

// Rotate seals every row anew that is not under the newest key. It may run beside everything else and
// may be stopped and repeated. A row that does not open is left alone and named.
func (s *Secrets) Rotate(ctx context.Context) (Rotation, error) {
	var done Rotation
	after := ""
	for {
		rows, err := s.outdated(ctx, after)
		if err != nil {
			return done, err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].Ref
		if err := s.reseal(ctx, rows, &done); err != nil {
			return done, err
		}
	}
	row := s.pool.QueryRow(ctx, `select count(*) from secrets where key_id <> $1`, s.keys[0].id)
	if err := row.Scan(&done.Remaining); err != nil {
		return done, fmt.Errorf("count secrets under older keys: %w", err)
	}
	return done, nil
}

func (s *Secrets) outdated(ctx context.Context, after string) ([]sealedRow, error) {
	rows, _ := s.pool.Query(ctx, `
		select ref, key_id, sealed from secrets
		where key_id <> $1 and ref > $2 order by ref limit $3`, s.keys[0].id, after, rotateBatch)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[sealedRow])
	return found, doing(err, "read secrets under older keys")
}

func (s *Secrets) reseal(ctx context.Context, rows []sealedRow, done *Rotation) error {
	var refs []string
	var before, after [][]byte
	for _, row := range rows {
		secret, err := s.open(row)
		if err != nil {
			if len(done.Unreadable) < maxNamed {
				done.Unreadable = append(done.Unreadable, row.Ref)
			}
			continue
		}
		sealed, err := s.keys[0].seal(row.Ref, secret)
		if err != nil {
			return fmt.Errorf("seal secret %q: %w", row.Ref, err)
		}
		refs, before, after = append(refs, row.Ref), append(before, row.Sealed), append(after, sealed)
	}
	// Only a row that is still the one read: a secret that was put meanwhile is newer. Locked in order,
	// so that two rotations at once do not deadlock.
	tag, err := s.pool.Exec(ctx, `
		with fresh as (
		  select ref, before, after from unnest($2::text[], $3::bytea[], $4::bytea[]) as f (ref, before, after)
		), locked as materialized (
		  select ref from secrets where ref = any($2) order by ref for update
		)
		update secrets set key_id = $1, sealed = fresh.after
		from fresh join locked on locked.ref = fresh.ref
		where secrets.ref = fresh.ref and secrets.sealed = fresh.before`, s.keys[0].id, refs, before, after)
	if err != nil {
		return fmt.Errorf("store re-sealed secrets: %w", err)
	}
	done.Resealed += int(tag.RowsAffected())
	return nil
}

// Check reports, for a start, whether rows exist that were sealed with keys which this process was
// not given ([ErrUnknownKey], naming their ids).
func (s *Secrets) Check(ctx context.Context) error {
	rows, _ := s.pool.Query(ctx, `
		select distinct key_id from secrets where not key_id = any($1) order by key_id limit 10`, s.keys.ids())
	unknown, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("check keys of stored secrets: %w", err)
	}
	if len(unknown) > 0 {
		return fmt.Errorf("keys %s: %w", strings.Join(unknown, ", "), ErrUnknownKey)
	}
	return nil
}
