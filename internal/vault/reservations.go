package vault

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// reservedFor is longer than a request and the time until the tables of the directory, or their lag,
// show what it has added.
const reservedFor = 10 * time.Minute

// Reserve reserves a key for a holder. It returns false if another holder has reserved the key. Of
// several concurrent calls one succeeds. Only digests are stored.
func Reserve(ctx context.Context, pool *pgxpool.Pool, key, holder string) (bool, error) {
	keySum, holderSum := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(holder))
	_, reserved, err := pg.Find(ctx, pool, "reserve what is being added", pgx.RowTo[bool], `
		with old as (delete from reservations where until <= now() and key <> $1)
		insert into reservations as r (key, holder, until) values ($1, $2, now() + $3)
		on conflict (key) do update set holder = excluded.holder, until = excluded.until
		where r.until <= now() or r.holder = excluded.holder
		returning true`, keySum[:], holderSum[:], reservedFor)
	return reserved, err
}
