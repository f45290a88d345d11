package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Pause says that a projection stands still until an operator resumes it.
type Pause struct {
	Projection string    `json:"projection"`
	Reason     string    `json:"reason"`
	Actor      string    `json:"actor"` // who paused it
	At         time.Time `json:"at"`
}

// Pauses holds the pause flags. Who paused and resumed when is in topic `operations`; here is only
// what holds now, because a flag that is itself projected could not stop its projection.
type Pauses struct{ pool *pgxpool.Pool }

// NewPauses returns the pause flags of a pool that [Open] made.
func NewPauses(pool *pgxpool.Pool) *Pauses { return &Pauses{pool} }

// Paused reports whether a projection is paused.
func (p *Pauses) Paused(ctx context.Context, projection string) (bool, error) {
	var paused bool
	row := p.pool.QueryRow(ctx, `select exists (select from paused_projections where projection = $1)`, projection)
	if err := row.Scan(&paused); err != nil {
		return false, fmt.Errorf("read pause flag of %s: %w", projection, err)
	}
	return paused, nil
}

// Pause stops a projection. Of a projection that is paused already the reason, actor and time are
// replaced. A missing name, reason or actor is refused with [domain.CodeInvalid].
func (p *Pauses) Pause(ctx context.Context, projection, reason, actor string, at time.Time) error {
	if err := checkPause(projection, reason, actor); err != nil {
		return err
	}
	_, err := p.pool.Exec(ctx, `
		insert into paused_projections (projection, reason, actor, at) values ($1, $2, $3, $4)
		on conflict (projection) do update set reason = excluded.reason, actor = excluded.actor, at = excluded.at`,
		projection, reason, actor, at)
	if err != nil {
		return fmt.Errorf("pause %s: %w", projection, err)
	}
	return nil
}

func checkPause(projection, reason, actor string) error {
	refused := domain.NewError(domain.CodeInvalid, "A pause needs the projection's name, a reason and who asks for it.")
	for _, input := range []struct{ field, value string }{
		{"projection", projection}, {"reason", reason}, {"actor", actor},
	} {
		if input.value == "" {
			refused = refused.WithField(input.field, "must not be empty")
		}
	}
	if len(refused.Fields) > 0 {
		return refused
	}
	return nil
}

// Resume lets a projection go on, and reports whether it was paused.
func (p *Pauses) Resume(ctx context.Context, projection string) (was bool, err error) {
	tag, err := p.pool.Exec(ctx, `delete from paused_projections where projection = $1`, projection)
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", projection, err)
	}
	return tag.RowsAffected() > 0, nil
}

// List returns all pauses by projection. There are no more than projections.
func (p *Pauses) List(ctx context.Context) ([]Pause, error) {
	rows, err := p.pool.Query(ctx, `select projection, reason, actor, at from paused_projections order by projection`)
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	pauses, err := pgx.CollectRows(rows, pgx.RowToStructByName[Pause])
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	return pauses, nil
}
