package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// rotateBatch is the number of rows resealed per statement.
const rotateBatch = 500

// maxNamed is the maximum number of unreadable refs that a [Rotation] lists.
const maxNamed = 100

// Rotation is the result of [Secrets.Rotate].
type Rotation struct {
	Resealed int `json:"resealed"`
	// Remaining counts the rows that are not sealed with the newest key: those that do not open,
	// and those stored meanwhile by a process with an older newest key (run it again).
	Remaining int `json:"remaining"`
	// Unreadable lists refs that did not open and were not changed; at most 100.
	Unreadable []string `json:"unreadable,omitempty"`
}

// Rotate reseals every row that is not sealed with the newest key. It may run next to all other
// work, and may be stopped and repeated. A row that does not open is not changed, and is listed.
func (s *Secrets) Rotate(ctx context.Context) (Rotation, error) {
	var rotation Rotation
	after := ""
	for {
		rows, err := s.outdated(ctx, after)
		if err != nil {
			return rotation, err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].Ref
		if err := s.reseal(ctx, rows, &rotation); err != nil {
			return rotation, err
		}
	}
	row := s.pool.QueryRow(ctx, `select count(*) from secrets where key_id <> $1`, s.keys[0].id)
	if err := row.Scan(&rotation.Remaining); err != nil {
		return rotation, fmt.Errorf("count secrets under older keys: %w", err)
	}
	return rotation, nil
}

func (s *Secrets) outdated(ctx context.Context, after string) ([]sealedRow, error) {
	return pg.List(ctx, s.pool, "read secrets under older keys", pgx.RowToStructByName[sealedRow], `
		select ref, key_id, sealed from secrets
		where key_id <> $1 and ref > $2 order by ref limit $3`, s.keys[0].id, after, rotateBatch)
}

func (s *Secrets) reseal(ctx context.Context, rows []sealedRow, rotation *Rotation) error {
	var refs []string
	var before, after [][]byte
	for _, row := range rows {
		secret, err := s.keys.open(row)
		if err != nil {
			if len(rotation.Unreadable) < maxNamed {
				rotation.Unreadable = append(rotation.Unreadable, row.Ref)
			}
			continue
		}
		sealed, err := s.keys[0].seal(row.Ref, secret)
		if err != nil {
			return fmt.Errorf("seal secret %q: %w", row.Ref, err)
		}
		refs, before, after = append(refs, row.Ref), append(before, row.Sealed), append(after, sealed)
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
		where secrets.ref = fresh.ref and secrets.sealed = fresh.before`, s.keys[0].id, refs, before, after)
	if err != nil {
		return fmt.Errorf("store re-sealed secrets: %w", err)
	}
	rotation.Resealed += int(tag.RowsAffected())
	return nil
}

// Check returns an error if the keys do not include the one that sealed the newest secret. Older
// rows may have lost keys: their connections sign in again.
func (s *Secrets) Check(ctx context.Context) error {
	var newest string
	err := s.pool.QueryRow(ctx, `select key_id from secrets order by updated_at desc, ref limit 1`).Scan(&newest)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("check the keys of stored secrets: %w", err)
	case !slices.Contains(s.keys.ids(), newest):
		return fmt.Errorf("LEDGERBOARD_SECRETS_KEY does not open the stored tokens: the newest was sealed with key %s, "+
			"and the configured keys are %s. Add that key. If it is lost, "+
			"delete the secrets that it sealed (delete from kept.secrets where key_id = '%s') and connect these accounts again",
			newest, strings.Join(s.keys.ids(), ", "), newest)
	}
	return nil
}
