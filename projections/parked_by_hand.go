package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// RetryParked refolds parked events from the log, in every generation that is followed and was
// built by this version of the projector. On a chained topic it also folds all other parked events
// of their streams. The tables then equal those of a rebuild. It is safe while engines run, in this
// process or others, and while the projection is paused. Its errors: invalid for a malformed id;
// conflict if no such generation exists.
func (e *Engine) RetryParked(ctx context.Context, f operator.ParkedFilter) (operator.RetryResult, error) {
	found, err := e.followable(ctx, e.pool)
	if err != nil {
		return operator.RetryResult{}, err
	}
	if len(found) == 0 {
		return operator.RetryResult{}, domain.NewError(domain.CodeConflict,
			"No tables of %s have version %d, which this program builds. Nothing was retried. Use the program that the service runs.",
			e.projector.Name, e.projector.Version)
	}
	folded, parked := map[string]bool{}, map[string]operator.StillParked{}
	for _, g := range found {
		if err := e.retryIn(ctx, g, f, folded, parked); err != nil && !errors.Is(err, errRetired) {
			return operator.RetryResult{}, fmt.Errorf("retry parked events of %s: %w", e.projector.Name, err)
		}
	}
	result := operator.RetryResult{Parked: []operator.StillParked{}}
	for id := range folded {
		if _, ok := parked[id]; !ok {
			result.Folded++
		}
	}
	for _, p := range parked {
		result.Parked = append(result.Parked, p)
	}
	slices.SortFunc(result.Parked, func(a, b operator.StillParked) int { return cmp.Compare(a.ID, b.ID) })
	return result, nil
}

// retryIn retries the parked events of a generation, page by page.
func (e *Engine) retryIn(ctx context.Context, g generation, f operator.ParkedFilter, folded map[string]bool, parked map[string]operator.StillParked) error {
	pool, err := openTables(ctx, e.databaseURL, e.projector.Name, g.Number, foldConns)
	if err != nil {
		return err
	}
	defer pool.Close()
	refolder := refolding{e.work, pool, g}
	args, err := parkedArgs(f)
	if err != nil {
		return err
	}
	args["name"], args["generation"], args["limit"] = e.projector.Name, g.Number, e.maxRecords
	tried := map[unfolded]bool{} // streams of a chained topic: one retry covers all their events
	for after := (unfolded{Partition: -1}); ; {
		args["after_partition"], args["after_offset"] = after.Partition, after.Offset
		page, err := pg.List(ctx, pool, "read parked events", pgx.RowToStructByPos[unfolded], `
			select p.partition, p.log_offset, p.stream_key from parked p
			where p.projection = @name and p.generation = @generation and p.state = 'parked' and `+matchesFilter+`
			  and (p.partition, p.log_offset) > (@after_partition::int, @after_offset::bigint)
			order by p.partition, p.log_offset limit @limit`, args)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, u := range page {
			stream := unfolded{Partition: u.Partition, Key: u.Key}
			if tried[stream] {
				continue
			}
			tried[stream] = e.chained
			r, err := refolder.retry(ctx, u)
			if err != nil {
				return err
			}
			for _, offset := range r.folded {
				folded[ParkedID(e.projector.Name, u.Partition, offset)] = true
			}
			for _, p := range r.parked {
				id := ParkedID(e.projector.Name, p.Partition, p.Offset)
				parked[id] = operator.StillParked{ID: id, Reason: p.Reason, Detail: p.Detail}
			}
		}
		after = page[len(page)-1]
	}
}

// SkipParked leaves out an event that blocks no other event, in every generation. No record is
// appended: a rebuild by a program that can fold the event folds it, and a check of the tables
// compares it as parked. Its error is conflict for an event that blocks a stream: such an event is
// skipped by a record of the stream.
func (e *Engine) SkipParked(ctx context.Context, id string) error {
	_, partition, offset, err := splitParkedID(id)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		keys, err := pg.List(ctx, tx, "mark parked event as left out", pgx.RowTo[string], `
			update parked set state = 'left_out' where projection = $1 and partition = $2 and log_offset = $3 and state = 'parked'
			returning stream_key`, e.projector.Name, partition, offset)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if e.projector.Blocks != nil && e.projector.Blocks(key, partition) {
				return domain.NewError(domain.CodeConflict, "%s blocks the stream %s. Nothing was changed. Retry the event, or restore the log.", id, key)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("skip parked event %s: %w", id, err)
	}
	return nil
}

// InspectParked reads a parked event from the log. Its errors: invalid for a malformed id;
// not_found if there is no such parked event.
func (e *Engine) InspectParked(ctx context.Context, id string) (operator.ParkedRecord, error) {
	list, err := ListParked(ctx, e.pool, operator.ParkedFilter{IDs: []string{id}, Projection: e.projector.Name})
	if err != nil {
		return operator.ParkedRecord{}, err
	}
	if len(list) == 0 {
		return operator.ParkedRecord{}, domain.NewError(domain.CodeNotFound, "No event is parked as %s.", id)
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
		r.Headers = append(r.Headers, operator.RecordHeader{Key: displayText([]byte(h.Key)), Value: displayText(h.Value)})
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

// shown returns bytes as valid UTF-8 for display.
func displayText(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }
