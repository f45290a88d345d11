package upkeep

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Config is what upkeep stands on.
type Config struct {
	Log     *eventlog.Log
	Vault   *pgxpool.Pool // schema kept
	Engine  *pgxpool.Pool // schema lb_engine
	Tables  *pgxpool.Pool // the read models
	Engines []*projections.Engine
	Monitor *monitor.Monitor

	// Directory hands over every record of the directory, one at a time and those of a key in their order.
	Directory func(ctx context.Context, each func(domain.Recorded, error)) error
	// Covers is [connect.Connect.Covers]; it is asked in [Upkeep.EraseAsked] alone.
	Covers func(ctx context.Context, r domain.DeletionRequest) (grant domain.Grant, covers bool, err error)

	Logger *slog.Logger
}

// Upkeep keeps log and vault in order. Nothing runs by itself.
type Upkeep struct {
	config Config
	asked  chan struct{} // somebody asked a platform to be forgotten
}

// New returns an Upkeep of which nothing runs yet.
func New(c Config) *Upkeep { return &Upkeep{config: c, asked: make(chan struct{}, 1)} }

// pause waits; it tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
