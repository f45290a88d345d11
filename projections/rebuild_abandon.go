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

// abandon ends the rebuild and drops what it has made; a generation that was there before stays, and so does one that
// readers use already because it was live before any other.
func (r *running) abandon(ctx context.Context, state operator.RebuildState, why string) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := lockGenerations(ctx, tx, r.projector.Name()); err != nil {
			return err
		}
		if err := r.advance(ctx, tx, state); err != nil {
			return err
		}
		var made int // of the row: this process may not have heard of the commit that made it
		var read bool
		err := tx.QueryRow(ctx, `
			update rebuilds r set error = nullif($2, '') where id = $1
			returning coalesce(generation, 0), exists (
				select from generations g where g.projection = r.projection and g.generation = r.generation and g.state = 'live')`,
			r.ID, why).Scan(&made, &read)
		switch {
		case err != nil:
			return fmt.Errorf("note why a rebuild ended: %w", err)
		case made == 0 || r.Back:
			return nil
		case read:
			return r.leaveToReaders(ctx, tx)
		}
		return dropTables(ctx, tx, r.projector.Name(), generation{Number: made, Version: r.Version})
	})
}

// leaveToReaders ends a rebuild whose generation readers use already.
func (r *running) leaveToReaders(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		update rebuilds set error = concat_ws('; ', error, 'readers use its generation already, which stays: rebuild again to replace it')
		where id = $1`, r.ID)
	if err != nil {
		return fmt.Errorf("note why a generation stays: %w", err)
	}
	return nil
}

// final tells whether the same step would fail again.
func final(err error) bool {
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return refused.Code != domain.CodeInternal && refused.Code != domain.CodeUnavailable
	}
	if pg.IsDataError(err) {
		return true
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Tables that somebody dropped, a disk that is full, a value that cannot be sent.
		return refused.Code[:2] == "42" || refused.Code == "53100" || refused.Code == "57014" && refused.Routine == "CopyGetData"
	}
	for _, broken := range []error{errNoBeginning, eventlog.ErrOtherLog, eventlog.ErrBelowStart, eventlog.ErrBeyondEnd, eventlog.ErrGap} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// sentence is what an operator reads of an error; of one of the database also the row.
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
