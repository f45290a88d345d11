package vault

import (
	"context"
	"crypto/rand"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TicketKey returns the key of [KeySize] bytes that seals the tickets of streams. The first process that asks makes
// it; all processes of the database share it from then on.
func TicketKey(ctx context.Context, pool *pgxpool.Pool) (key []byte, err error) {
	made := make([]byte, KeySize)
	_, _ = rand.Read(made) // never fails
	if _, err := pool.Exec(ctx, `insert into ticket_key (key) values ($1) on conflict do nothing`, made); err != nil {
		return nil, doing(err, "make the key of tickets")
	}
	err = pool.QueryRow(ctx, `select key from ticket_key`).Scan(&key)
	return key, doing(err, "read the key of tickets")
}
