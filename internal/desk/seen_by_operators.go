package desk

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Looks are what operators see of the database alone: they work while the brokers are away, and whatever is wrong with
// the log.
type Looks struct {
	engine   *pgxpool.Pool
	kept     *pgxpool.Pool
	tables   func(context.Context) (*pgxpool.Pool, error)
	rebuilds *projections.Rebuilds
	pauses   vault.Pauses
}

// NewLooks opens nothing. Engine and kept are pools of the schemas lb_engine and kept; tables opens the read
// models: they may not be there, and most looks need none.
func NewLooks(engine, kept *pgxpool.Pool, tables func(context.Context) (*pgxpool.Pool, error)) *Looks {
	return &Looks{engine: engine, kept: kept, tables: tables, rebuilds: projections.NewRebuilds(engine), pauses: vault.Pauses{Pool: kept}}
}

// Generations lists the generations that have tables.
func (d *Looks) Generations(ctx context.Context) ([]operator.Generation, error) {
	return projections.Generations(ctx, d.engine)
}

// Pauses lists what is paused.
func (d *Looks) Pauses(ctx context.Context) ([]domain.Pause, error) { return d.pauses.List(ctx) }

// Rebuilds lists rebuilds, the newest first.
func (d *Looks) Rebuilds(ctx context.Context) ([]operator.Rebuild, error) {
	return d.rebuilds.List(ctx)
}

// Rebuild returns one rebuild.
func (d *Looks) Rebuild(ctx context.Context, id string) (operator.Rebuild, error) {
	return d.rebuilds.Get(ctx, id)
}

// Folded tells whether a process folds a version of a projection now.
func (d *Looks) Folded(ctx context.Context, projection string, version int) (bool, error) {
	generations, err := d.Generations(ctx)
	return slices.ContainsFunc(generations, func(g operator.Generation) bool {
		return g.Projection == projection && g.Version == version && g.Folded
	}), err
}

// Parked lists parked events.
func (d *Looks) Parked(ctx context.Context, f operator.ParkedFilter) ([]operator.ParkedEvent, error) {
	if names := projectionNames(); f.Projection != "" && !slices.Contains(names, f.Projection) {
		return nil, noProjection(f.Projection, names)
	}
	return projections.ListParked(ctx, d.engine, f)
}

func projectionNames() (names []string) {
	for _, p := range projectors.All(0) {
		names = append(names, p.Name)
	}
	return names
}

func noProjection(name string, names []string) error {
	return domain.NewError(domain.CodeNotFound, "There is no projection %q. There are %s.", name, strings.Join(names, ", "))
}
