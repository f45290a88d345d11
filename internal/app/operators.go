package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Operators implements [api.OperatorService]: the views and actions of operators.
//
// An action is checked, recorded and executed, and then its outcome is recorded. An action that
// cannot be recorded is not executed. A refusal comes before the record and changes nothing.
type Operators struct {
	PublicURL string // where browsers reach the service; "": unknown
	Issuer    string // of the identity provider with which people sign in; "": none

	// parts are open, but topics may have unsafe settings, and tables of the read models may be missing:
	// operators must see problems even then.
	parts       *Parts
	generations *projections.Generations
	pauses      vault.Pauses
	acted       func(context.Context) // called after each action; may be nil
}

func newOperators(p *Parts) *Operators {
	return &Operators{
		parts: p, generations: projections.NewGenerations(p.engine), pauses: vault.Pauses{Pool: p.KeptPool},
	}
}

func (o *Operators) projection(name string) (*projections.Engine, error) {
	for _, e := range o.parts.engines {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, noProjection(name)
}

func (o *Operators) act(
	ctx context.Context, c commands.Caller,
	action domain.OperatorAction, on domain.OperatorTarget, reason domain.Reason,
	do func(context.Context) (commands.Effect, error),
) error {
	record := domain.OperatorActed{Action: action, Target: on, Reason: reason}
	if o.acted != nil {
		defer o.acted(ctx)
	}
	return o.parts.audit().Act(ctx, c, record, func(ctx context.Context) (commands.Effect, error) {
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
func (o *Operators) Projections(ctx context.Context) ([]operator.Projection, error) {
	var all []operator.Projection
	for _, e := range o.parts.engines {
		status, err := e.Status(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, status)
	}
	return all, nil
}

// Topics describes the topics of the log.
func (o *Operators) Topics(ctx context.Context) ([]operator.Topic, error) {
	return o.parts.Log.Describe(ctx)
}

// Actions lists operator actions with their outcomes, newest first.
func (o *Operators) Actions(
	ctx context.Context, limit int, cursor string,
) (actions []operator.RecordedAction, meta readmodels.TrailMeta, err error) {
	actions, meta, err = readmodels.OperatorActions(ctx, o.parts.ReadPool, readmodels.Page{Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, meta, err
	}
	generations, err := o.generations.List(ctx)
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

// Generations lists the generations of all projections, newest first.
func (o *Operators) Generations(ctx context.Context) ([]operator.Generation, error) {
	return o.generations.List(ctx)
}

// Generation returns one generation.
func (o *Operators) Generation(ctx context.Context, id string) (operator.Generation, error) {
	return o.generations.Get(ctx, id)
}

// Pauses lists the current pauses.
func (o *Operators) Pauses(ctx context.Context) ([]domain.Pause, error) { return o.pauses.List(ctx) }

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
