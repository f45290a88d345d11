package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// RetryParked folds parked events from the log again, in every generation of this version that is
// followed. On a chained topic, it also folds all other parked events of their streams. The tables
// then equal those of a rebuild. RetryParked is safe while engines run and while the projection is
// paused. The error has code invalid if an id is malformed, and conflict if no generation of this
// version is followed.
func (e *Engine) RetryParked(ctx context.Context, f operator.ParkedFilter) (operator.RetryResult, error) {
	found, err := e.followable(ctx, e.pool)
	if err != nil {
		return operator.RetryResult{}, err
	}
	if len(found) == 0 {
		return operator.RetryResult{}, domain.NewError(domain.CodeConflict,
			"No tables of %s have version %d, which this program builds. Nothing was retried. "+
				"Use the same version of the program as the service.",
			e.projector.Name, e.projector.Version)
	}
	folded, parked := map[string]bool{}, map[string]operator.StillParked{} // by id
	for _, g := range found {
		if err := e.retryIn(ctx, g, f, folded, parked); err != nil && !errors.Is(err, errRetired) {
			return operator.RetryResult{}, fmt.Errorf("retry parked events of %s: %w", e.projector.Name, err)
		}
	}
	result := operator.RetryResult{Parked: []operator.StillParked{}}
	for _, id := range slices.Sorted(maps.Keys(parked)) {
		result.Parked = append(result.Parked, parked[id])
		delete(folded, id)
	}
	result.Folded = len(folded)
	return result, nil
}

func (e *Engine) retryIn(
	ctx context.Context, g generation, f operator.ParkedFilter,
	folded map[string]bool, parked map[string]operator.StillParked,
) error {
	args, err := parkedArgs(f)
	if err != nil {
		return err
	}
	pool, err := openTables(ctx, e.databaseURL, e.projector.Name, g.Number)
	if err != nil {
		return err
	}
	defer pool.Close()
	note := func(partition int32, offsets []int64, rows []parkedRow) {
		for _, offset := range offsets {
			folded[parkedID(e.projector.Name, partition, offset)] = true
		}
		for _, r := range rows {
			id := parkedID(e.projector.Name, partition, r.Offset)
			parked[id] = operator.StillParked{ID: id, Reason: r.Reason, Detail: r.Detail}
		}
	}
	return refolding{e.work, pool, g}.retryEach(ctx, "p.state = 'parked' and "+matchesFilter, args, note)
}

// SkipParked skips a parked event that blocks no other event, in every generation. It appends no
// record: a rebuild by a program that can fold the event folds it, and a check of the tables treats
// the event as parked. The error has code conflict if the event blocks a stream, because such an
// event must be skipped by a record of the stream.
func (e *Engine) SkipParked(ctx context.Context, id string) error {
	_, partition, offset, err := splitParkedID(id)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		keys, err := pg.List(ctx, tx, "mark parked event as left out", pgx.RowTo[string], `
			update parked set state = 'left_out'
			where projection = $1 and partition = $2 and log_offset = $3 and state = 'parked'
			returning stream_key`, e.projector.Name, partition, offset)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if e.projector.Blocks != nil && e.projector.Blocks(key, partition) {
				return domain.NewError(domain.CodeConflict,
					"Event %s blocks stream %s. Nothing was changed. Retry the event, or restore the log.", id, key)
			}
		}
		return nil
	})
	return pg.Wrap("skip parked event "+id, err)
}

// InspectParked reads a parked event from the log. The error has code invalid if the id is
// malformed, and not_found if there is no such parked event.
func (e *Engine) InspectParked(ctx context.Context, id string) (operator.ParkedRecord, error) {
	list, err := ListParked(ctx, e.pool, operator.ParkedFilter{IDs: []string{id}, Projection: e.projector.Name})
	if err != nil {
		return operator.ParkedRecord{}, err
	}
	if len(list) == 0 {
		return operator.ParkedRecord{}, domain.NewError(domain.CodeNotFound, "There is no parked event %s.", id)
	}
	r := operator.ParkedRecord{ParkedEvent: list[0], Headers: []operator.RecordHeader{}}
	raw, err := e.log.ReadAt(ctx, r.Position())
	if r.Gone = e.compacted && errors.Is(err, eventlog.ErrNoRecord); r.Gone {
		return r, nil
	}
	if err != nil {
		return operator.ParkedRecord{}, fmt.Errorf("read parked event %s: %w", id, err)
	}
	for _, h := range raw.Headers {
		header := operator.RecordHeader{Key: displayText([]byte(h.Key)), Value: displayText(h.Value)}
		r.Headers = append(r.Headers, header)
	}
	r.Bytes = len(raw.Value)
	switch {
	case json.Valid(raw.Value):
		r.Payload = raw.Value
	case len(raw.Value) > 0:
		if r.Payload, err = json.Marshal(displayText(raw.Value)); err != nil {
			return operator.ParkedRecord{}, fmt.Errorf("show parked event %s: %w", id, err)
		}
	}
	return r, nil
}

func displayText(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }
