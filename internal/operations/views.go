package operations

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

// Views are the operator views that need only the database. They work without the brokers and with
// a damaged log.
type Views struct {
	engine   *pgxpool.Pool
	kept     *pgxpool.Pool
	tables   func(context.Context) (*pgxpool.Pool, error)
	rebuilds *projections.Rebuilds
	pauses   vault.Pauses
}

// NewViews returns the views without connecting. Engine and kept are pools of the schemas lb_engine
// and kept. Tables opens the read models, which may not exist and which most views do not need.
func NewViews(engine, kept *pgxpool.Pool, tables func(context.Context) (*pgxpool.Pool, error)) *Views {
	return &Views{engine: engine, kept: kept, tables: tables, rebuilds: projections.NewRebuilds(engine), pauses: vault.Pauses{Pool: kept}}
}

// Generations lists the generations with tables.
func (d *Views) Generations(ctx context.Context) ([]operator.Generation, error) {
	return projections.Generations(ctx, d.engine)
}

// Pauses lists what is paused.
func (d *Views) Pauses(ctx context.Context) ([]domain.Pause, error) { return d.pauses.List(ctx) }

// Rebuilds lists rebuilds, newest first.
func (d *Views) Rebuilds(ctx context.Context) ([]operator.Rebuild, error) {
	return d.rebuilds.List(ctx)
}

// Rebuild returns one rebuild.
func (d *Views) Rebuild(ctx context.Context, id string) (operator.Rebuild, error) {
	return d.rebuilds.Get(ctx, id)
}

// Folded reports whether a process is folding a version of a projection.
func (d *Views) Folded(ctx context.Context, projection string, version int) (bool, error) {
	generations, err := d.Generations(ctx)
	return slices.ContainsFunc(generations, func(g operator.Generation) bool {
		return g.Projection == projection && g.Version == version && g.Folded
	}), err
}

// Parked lists parked events.
func (d *Views) Parked(ctx context.Context, f operator.ParkedFilter) ([]operator.ParkedEvent, error) {
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
	return domain.NewError(domain.CodeNotFound, "There is no projection %q. The projections are %s.", name, strings.Join(names, ", "))
}
