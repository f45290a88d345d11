package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// ApartConns bounds how many connections one comparison of tables may open beside the engine's.
const ApartConns = 4

// apart hands out connections for one long look at tables: it must not hold those that sessions, rebuilds and readers need
// every second.
func (w work) apart(ctx context.Context, name string, do func(*pgxpool.Pool) error) error {
	pool, err := pg.Open(ctx, pg.Config{
		URL: w.databaseURL, SearchPath: []string{migrations.Engine}, Name: name, MaxConns: ApartConns, AsyncCommit: true,
	})
	if err != nil {
		return fmt.Errorf("open connections for a %s: %w", name, err)
	}
	defer pool.Close()
	return do(pool)
}

// announceReading says to others that the generation that readers use is read by this process until stop: commands read it
// too, and neither retirement nor an operator may take it from under them.
func (e *Engine) announceReading(ctx context.Context) (stop func(), err error) {
	number, err := e.pointed(ctx, e.pool)
	if err != nil {
		return nil, err
	}
	if number == 0 {
		return nil, ErrNotLive
	}
	return Announce(ctx, ProcessConfig{
		Pool: e.pool, Release: "check of tables", Roles: []string{"check"}, Logger: e.logger,
		Folds: func() []string { return nil }, Reads: func() []string { return []string{generationName(e.Name(), number)} },
	})
}
