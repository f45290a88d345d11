package upkeep

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Config is what upkeep stands on.
type Config struct {
	Log     *eventlog.Log
	Vault   *pgxpool.Pool        // schema kept
	Engine  *pgxpool.Pool        // schema lb_engine
	Tables  *projections.Readers // the generations that readers use
	Engines []*projections.Engine
	Monitor *monitor.Monitor

	// Moved returns a channel that is closed when tables move next, see [pg.Progress.Moved].
	Moved func(projection, key string) <-chan struct{}
	// Directory hands over every record of the directory, one at a time and those of a key in their order.
	Directory func(ctx context.Context, each func(domain.Recorded, error)) error
	// Covers is [connect.Connect.Covers]; it is asked in [Upkeep.EraseAsked] alone.
	Covers func(ctx context.Context, r domain.DeletionRequest) (grant domain.Grant, covers bool, err error)

	Registry   *domain.Registry
	Erasures   string // file of the list of erasures; "": there is none
	Embedded   bool   // the broker runs in this process
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Upkeep keeps log and vault in order. Nothing runs by itself.
type Upkeep struct {
	config Config
	asked  chan struct{} // somebody asked a platform to be forgotten
	erased prometheus.Gauge

	mu      sync.Mutex
	overdue string // see [Upkeep.Overdue]
}

// New registers the metrics.
func New(c Config) (*Upkeep, error) {
	erased := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ledgerboard_erased_in_log",
		Help: fmt.Sprintf("Records that the log still holds %d days after they were erased, or later; 'ledgerboard log' says how its topics are set.", forgetsDays),
	})
	if err := c.Registerer.Register(erased); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &Upkeep{config: c, asked: make(chan struct{}, 1), erased: erased}, nil
}

// pause waits; it tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
