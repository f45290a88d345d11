package operations

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Service implements [api.OperatorService]: the views and actions of operators.
type Service struct {
	*Views

	Log     *eventlog.Log // topics may have unsafe settings
	Engines []*projections.Engine
	Changes commands.DashboardsConfig // without Store; for skips, which are dashboard commands
	Records *commands.Audit
	Acted   func(context.Context) // called after each action; may be nil

	PublicURL string // where browsers reach the service; "": unknown
	Issuer    string // of the identity provider with which people sign in; "": none
}

func (d *Service) projection(name string) (*projections.Engine, error) {
	for _, e := range d.Engines {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, noProjection(name)
}

func (d *Service) act(
	ctx context.Context, c commands.Caller,
	action domain.OperatorAction, on domain.OperatorTarget, reason domain.Reason,
	do func(context.Context) (commands.Effect, error),
) error {
	record := domain.OperatorActed{Action: action, Target: on, Reason: reason}
	if d.Acted != nil {
		defer d.Acted(ctx)
	}
	return d.Records.Act(ctx, c, record, func(ctx context.Context) (commands.Effect, error) {
		effect, err := do(ctx)
		if pg.IsForbidden(err) {
			// The database user of an api process may not own the tables: see package migrations.
			err = fmt.Errorf("%w (%w)", errNoRight, err)
		}
		return effect, err
	})
}

var errNoRight = domain.NewError(domain.CodeForbidden, "The service's database user may not change these tables. "+
	"Run deploy/roles.sql, which grants each role its rights, then try again.")

func withoutEffect(do func(context.Context) error) func(context.Context) (commands.Effect, error) {
	return func(ctx context.Context) (commands.Effect, error) { return commands.Effect{}, do(ctx) }
}

// Projections returns the status of each projection.
func (d *Service) Projections(ctx context.Context) ([]operator.Projection, error) {
	var all []operator.Projection
	for _, e := range d.Engines {
		status, err := e.Status(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, status)
	}
	return all, nil
}

// Topics describes the topics of the log.
func (d *Service) Topics(ctx context.Context) ([]operator.Topic, error) {
	return d.Log.Describe(ctx)
}

// Actions lists operator actions with their outcomes, newest first.
func (d *Service) Actions(
	ctx context.Context, limit int, cursor string,
) (actions []operator.RecordedAction, meta readmodels.TrailMeta, err error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, meta, err
	}
	actions, meta, err = readmodels.OperatorActions(ctx, tables, readmodels.Page{Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, meta, err
	}
	generations, err := d.generations.List(ctx)
	if err != nil {
		return nil, meta, err
	}
	states := map[string]operator.State{}
	for _, g := range generations {
		if g.State != operator.StateDropped || g.Canceled() {
			states[g.ID] = g.State
		}
	}
	for i := range actions {
		actions[i].RebuildState = states[actions[i].Rebuild]
	}
	return actions, meta, nil
}

// Views are the operator views that need only the database.
type Views struct {
	engine      *pgxpool.Pool
	kept        *pgxpool.Pool
	tables      func(context.Context) (*pgxpool.Pool, error)
	generations *projections.Generations
	pauses      vault.Pauses
}

// NewViews returns views without connecting to the database. engine and kept are pools of schemas
// lb_engine and kept. tables opens the read models, which may not exist yet and which only some
// views need.
func NewViews(engine, kept *pgxpool.Pool, tables func(context.Context) (*pgxpool.Pool, error)) *Views {
	return &Views{
		engine: engine, kept: kept, tables: tables,
		generations: projections.NewGenerations(engine), pauses: vault.Pauses{Pool: kept},
	}
}

// Generations lists the generations of all projections, newest first.
func (d *Views) Generations(ctx context.Context) ([]operator.Generation, error) {
	return d.generations.List(ctx)
}

// Generation returns one generation.
func (d *Views) Generation(ctx context.Context, id string) (operator.Generation, error) {
	return d.generations.Get(ctx, id)
}

// Pauses lists the current pauses.
func (d *Views) Pauses(ctx context.Context) ([]domain.Pause, error) { return d.pauses.List(ctx) }

// Paused reports whether an operator has paused a target.
func (d *Views) Paused(ctx context.Context, kind domain.PauseKind, name string) (bool, error) {
	return d.pauses.Paused(ctx, kind, name)
}

// ProjectionNames returns the names of all projections.
func ProjectionNames() (names []string) {
	for _, p := range projectors.All() {
		names = append(names, p.Name)
	}
	return names
}

func noProjection(name string) error {
	return domain.NewError(domain.CodeNotFound, "There is no projection %q. The projections are %s.",
		name, strings.Join(ProjectionNames(), ", "))
}
