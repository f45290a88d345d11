package projections

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Sums do not tell what they would be without the records of an import. So a withdrawal marks the
// generations that follow the log, and the engine builds another one, which leaves the records out
// (shard.noteWithdrawn). Readers use the marked one until then.

// withdrawnImport returns the import that the last withdrawal of the events names; "" if they withdraw no import.
func withdrawnImport(events []fold.Event) (id string) {
	for _, ev := range events {
		if e, ok := ev.Data.(domain.ImportWithdrawn); ok {
			id = e.Import
		}
	}
	return id
}

// queueOutdated marks a generation if events withdraw an import, and wakes who builds another one.
func queueOutdated(batch *pgx.Batch, projection string, generation int, events []fold.Event) {
	withdrawn := withdrawnImport(events)
	if withdrawn == "" {
		return
	}
	batch.Queue(`update generations set outdated = $3 where projection = $1 and generation = $2`, projection, generation, withdrawn)
	batch.Queue(notifySQL, []string{pg.ProgressChannel}, []string{generationsOf(projection)})
}

// errOutdated means that the tables show an import that was withdrawn.
var errOutdated = errors.New("an import was withdrawn, and the tables are being built without it; check them later")

// checkOutdated returns [errOutdated] if the live generation is outdated.
func (c *check) checkOutdated(ctx context.Context, q pg.Querier) error {
	outdated, err := pg.QueryBool(ctx, q, "look for a withdrawn import", `select exists (
		select from generations where projection = $1 and generation = $2 and outdated <> '')`, c.projector.Name, c.number)
	if err == nil && outdated {
		err = errOutdated
	}
	return err
}
