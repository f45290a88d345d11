package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

func (r *running) open(ctx context.Context) (g generation, err error) {
	if r.Generation > 0 {
		g, found, err := readGeneration(ctx, r.pool, r.projector.Name, r.Generation)
		if err == nil && !found {
			err = domain.NewError(domain.CodeConflict, "generation %d does not exist any more", r.Generation)
		}
		if err == nil && r.Back && g.State == StateRetired {
			return r.unretire(ctx, g)
		}
		return g, err
	}
	ranges, topicID, err := r.log.Ranges(ctx, r.projector.Topic)
	if err != nil {
		return g, fmt.Errorf("read ends of topic %s: %w", r.projector.Topic, err)
	}
	err = lockGenerations(ctx, r.pool, r.projector.Name, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, operator.RebuildCopying); err != nil {
			return err
		}
		var created int
		err := tx.QueryRow(ctx, `select coalesce(generation, 0) from rebuilds where id = $1`, r.ID).Scan(&created)
		if err != nil {
			return fmt.Errorf("read generation of rebuild: %w", err)
		}
		if created > 0 { // this process created it but did not get the answer to the commit
			g, _, err = readGeneration(ctx, tx, r.projector.Name, created)
			return err
		}
		if g, err = r.createGeneration(ctx, tx, StateCopying, ranges, topicID); err != nil {
			return err
		}
		for i := range r.projector.Tables {
			ranges = append(ranges, eventlog.PartitionRange{Partition: int32(keysShard - i)})
		}
		for _, p := range ranges {
			err := pg.Exec(ctx, tx, "insert shard", `
				insert into rebuild_shards (rebuild, partition, first, last, lease) values ($1, $2, $3, $4, $5)`,
				r.ID, p.Partition, p.Start, p.End, r.lease)
			if err != nil {
				return err
			}
		}
		return pg.Exec(ctx, tx, "record generation of rebuild", `
			update rebuilds set generation = $2,
			       events_total = (select coalesce(sum(last - first), 0) from rebuild_shards where rebuild = $1)
			where id = $1`, r.ID, g.Number)
	})
	if err != nil {
		return g, fmt.Errorf("create generation of %s: %w", r.projector.Name, err)
	}
	r.Generation = g.Number
	return g, nil
}

// abandon ends the rebuild and drops the tables that it has built. A generation that existed before
// retires again; one that is already live because the version had no other stays.
func (r *running) abandon(ctx context.Context, state operator.RebuildState, reason string) error {
	return lockGenerations(ctx, r.pool, r.projector.Name, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, state); err != nil {
			return err
		}
		var created int // from the row, because this process may not have got the answer to the commit
		var read bool
		err := tx.QueryRow(ctx, `
			update rebuilds r set error = nullif($2, '') where id = $1
			returning coalesce(generation, 0), exists (
				select from generations g
				where g.projection = r.projection and g.generation = r.generation and g.state = 'live')`,
			r.ID, reason).Scan(&created, &read)
		switch {
		case err != nil:
			return fmt.Errorf("record why a rebuild ended: %w", err)
		case created == 0 || r.Back && read:
			return nil
		case r.Back:
			if err := setState(ctx, tx, r.projector.Name, created, StateRetired); err != nil {
				return err
			}
			return notifyStep(ctx, tx, r.projector.Name)
		case read:
			return pg.Exec(ctx, tx, "record why a generation stays", `
				update rebuilds set error = concat_ws('; ', error,
					'readers already use its generation, which stays; rebuild again to replace it')
				where id = $1`, r.ID)
		}
		return dropTables(ctx, tx, r.projector.Name, generation{Number: created, Version: r.Version})
	})
}

// final reports whether the step would fail again if it were repeated.
func final(err error) bool {
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return refused.Code != domain.CodeInternal && refused.Code != domain.CodeUnavailable
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		// The database refused a value, a table or privilege is missing, the disk is full, or a
		// value could not be encoded for COPY.
		return pg.IsDataError(err) || refused.Code[:2] == "42" || refused.Code == "53100" ||
			refused.Code == "57014" && refused.Routine == "CopyGetData"
	}
	permanent := []error{
		errNoBeginning, eventlog.ErrOtherLog, eventlog.ErrBelowStart, eventlog.ErrBeyondEnd, eventlog.ErrGap,
	}
	return slices.ContainsFunc(permanent, func(target error) bool { return errors.Is(err, target) })
}

// sentence returns the text of an error for operators. For a database error, it includes the row.
func sentence(err error) string {
	if e, ok := errors.AsType[*domain.Error](err); ok {
		return e.Message
	}
	parts := []string{err.Error()}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		parts = append(parts, refused.Detail, refused.Where)
	}
	return storable(strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; "))
}
