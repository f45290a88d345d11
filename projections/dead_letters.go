package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// deadLetter is a row of table dead_letters: an event that could not be folded, with the reason.
type deadLetter struct {
	projection string // set by queueDeadLetters
	generation int    // set by queueDeadLetters
	partition  int32
	offset     int64
	key        string
	eventType  string
	eventID    string
	time       *time.Time
	reason     operator.DeadLetterReason
	params     map[string]string
}

// maxText is the maximum size of a text column in bytes, so that a hostile record cannot fill the
// table.
const maxText = 500

func storable(s string) string { return domain.Storable(s, maxText) }

func newDeadLetter(ev fold.Event, bad *fold.BadEventError) deadLetter {
	d := deadLetter{
		partition: ev.Raw.Partition, offset: ev.Raw.Offset, key: storable(string(ev.Raw.Key)),
		eventType: storable(ev.Raw.Header("ce_type")), eventID: storable(ev.Raw.Header("ce_id")),
		reason: bad.Reason, params: bad.Params,
	}
	// From the header, because the payload may not be decodable.
	if at, err := time.Parse(time.RFC3339Nano, ev.Raw.Header("ce_time")); err == nil {
		d.time = &at
	}
	return d
}

// badEvent returns the reason why a fold refused an event.
func badEvent(err error) *fold.BadEventError {
	if bad, ok := errors.AsType[*fold.BadEventError](err); ok {
		return bad
	}
	return &fold.BadEventError{Reason: operator.ReasonRefused}
}

var deadLettersTable = write.NewTable("dead_letters",
	`projection text, generation int, partition int, log_offset bigint, stream_key text,
	 event_type text, event_id text, event_time timestamptz, reason text, params jsonb`,
	write.Clause(""),
	func(d deadLetter) []any {
		params := []byte("{}")
		if len(d.params) > 0 {
			params, _ = json.Marshal(d.params) // texts only
		}
		return []any{
			d.projection, d.generation, d.partition, d.offset, d.key,
			d.eventType, d.eventID, d.time, string(d.reason), params,
		}
	})

func (w work) queueDeadLetters(batch *pgx.Batch, generation int, letters []deadLetter) {
	for i := range letters {
		letters[i].projection, letters[i].generation = w.projector.Name, generation
	}
	deadLettersTable.Queue(batch, letters)
}

// logDeadLetters logs dead letters of a session. A build does not log those that it finds again.
func (w work) logDeadLetters(letters []deadLetter) {
	for _, d := range letters {
		w.logger.Error("event is a dead letter", "partition", d.partition, "offset", d.offset, "key", d.key,
			"type", d.eventType, "reason", string(d.reason), "params", d.params)
	}
}

// queueReplaced deletes the dead letters of keys that have a later event, folded or not. On a
// compacted topic, only the last record of a key counts, and compaction removes the others.
func (w work) queueReplaced(batch *pgx.Batch, generation int, events []fold.Event) {
	if !w.compacted || len(events) == 0 {
		return
	}
	batch.Queue(`
		delete from dead_letters d using unnest($3::text[], $4::int[], $5::bigint[]) as f(stream_key, partition, log_offset)
		where d.projection = $1 and d.generation = $2
		  and d.stream_key = f.stream_key and d.partition = f.partition and d.log_offset < f.log_offset`,
		append([]any{w.projector.Name, generation}, write.Arrays(events, func(ev fold.Event) []any {
			return []any{storable(string(ev.Raw.Key)), ev.Raw.Partition, ev.Raw.Offset}
		})...)...)
}

func splitDeadLetterID(id string) (projection string, partition int32, offset int64, err error) {
	if parts := strings.Split(id, "-"); len(parts) == 3 {
		number, first := strconv.ParseInt(parts[1], 10, 32)
		at, second := strconv.ParseInt(parts[2], 10, 64)
		if first == nil && second == nil && parts[0] != "" {
			return parts[0], int32(number), at, nil
		}
	}
	return "", 0, 0, domain.NewError(domain.CodeInvalid,
		"%.80q is not the id of a dead letter. Use PROJECTION-PARTITION-OFFSET, as in the list of dead letters.", id)
}

// DeadLetters returns the dead letters of the live generations, ordered by projection, partition
// and offset. If two versions of a projection are live, it returns those of the newer one. If an id
// is malformed, the error has code [domain.CodeInvalid].
func DeadLetters(
	ctx context.Context, pool *pgxpool.Pool, f operator.DeadLetterFilter,
) ([]operator.DeadLetter, error) {
	args := pgx.NamedArgs{
		"id": f.ID, "projection": f.Projection, "stream": f.Stream,
		"after": "", "after_partition": int32(0), "after_offset": int64(0), "limit": f.Limit,
	}
	var err error
	if f.ID != "" {
		_, _, _, err = splitDeadLetterID(f.ID)
	}
	if err == nil && f.After != "" {
		args["after"], args["after_partition"], args["after_offset"], err = splitDeadLetterID(f.After)
	}
	if err != nil {
		return nil, err
	}
	return pg.List(ctx, pool, "list dead letters", pgx.RowToStructByPos[operator.DeadLetter], `
		select format('%s-%s-%s', d.projection, d.partition, d.log_offset),
		       d.projection, g.topic, d.partition, d.log_offset,
		       d.stream_key, d.event_type, d.event_id, d.event_time, d.reason, d.params,
		       coalesce(s.stopped_at, 0),
		       case when s.stopped_at is null then 0
		            when d.reason = 'chain_broken' then nullif(s.version - s.stopped_at + 1, 0) -- it has no version itself
		            else s.version - s.stopped_at end,
		       coalesce(s.fold_again, false)
		from dead_letters d join generations g using (projection, generation)
		left join streams s on s.projection = d.projection and s.generation = d.generation
			and s.stream_key = d.stream_key and s.stopped_at is not null
		where g.state = 'live' and not exists (
				select from generations n where n.projection = g.projection and n.state = 'live' and n.version > g.version)
		  and (@id = '' or format('%s-%s-%s', d.projection, d.partition, d.log_offset) = @id)
		  and (@projection = '' or d.projection = @projection) and (@stream = '' or d.stream_key = @stream)
		  and (d.projection, d.partition, d.log_offset) > (@after, @after_partition::int, @after_offset::bigint)
		order by d.projection, d.partition, d.log_offset
		limit nullif(@limit, 0)`, args)
}

// ShowDeadLetter reads a dead letter from the log, and why it cannot be decoded.
func (e *Engine) ShowDeadLetter(ctx context.Context, letter operator.DeadLetter) (operator.DeadRecord, error) {
	r := operator.DeadRecord{DeadLetter: letter, Headers: []operator.RecordHeader{}}
	raw, err := e.log.ReadAt(ctx, letter.Position())
	if r.Gone = e.compacted && errors.Is(err, eventlog.ErrNoRecord); r.Gone {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read dead letter %s: %w", letter.ID, err)
	}
	if _, err := e.log.Decode(raw); err != nil {
		r.Error = err.Error()
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
			return r, fmt.Errorf("show dead letter %s: %w", letter.ID, err)
		}
	}
	return r, nil
}

func displayText(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }

// FoldAgain asks the processes that hold the partition of a stopped stream to fold it again from its
// start, in all tables, and waits for the tables that readers of this version use. The error has
// code conflict if the stream is not stopped.
func (e *Engine) FoldAgain(ctx context.Context, stream string) error {
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update streams s set fold_again = true from generations g
			where s.projection = $1 and s.stream_key = $2 and s.stopped_at is not null
			  and g.projection = s.projection and g.generation = s.generation and g.state in ('catching_up', 'live')`,
			e.projector.Name, stream)
		if err == nil && tag.RowsAffected() == 0 {
			return domain.NewError(domain.CodeConflict,
				"Stream %s is not stopped. Nothing was retried. List the dead letters and check again.", stream)
		}
		if err == nil {
			err = notifyStep(ctx, tx, e.projector.Name)
		}
		return err
	})
	if err != nil {
		return pg.Wrap("ask to fold stream "+stream+" again", err)
	}
	return e.AwaitFoldedAgain(ctx, stream)
}

// AwaitFoldedAgain waits until a stream does not have to be folded again any more in the tables that
// readers of this version use. The error has code unavailable if that takes too long.
func (e *Engine) AwaitFoldedAgain(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, awaitFoldedAgain)
	defer cancel()
	woken := func() <-chan struct{} { return e.progress.Changed(e.projector.Name, stream) }
	err := e.run(ctx, "await stream", woken, func(ctx context.Context) (time.Duration, error) {
		due, err := pg.QueryBool(ctx, e.pool, "look whether a stream is due", `
			select exists (
				select from streams s join generations g using (projection, generation)
				where s.projection = $1 and s.stream_key = $2 and s.fold_again and g.version = $3 and g.state = 'live')`,
			e.projector.Name, stream, e.projector.Version)
		if err == nil && !due {
			return 0, errDone
		}
		return stepAgain, nil
	})
	if err != nil {
		return domain.NewError(domain.CodeUnavailable,
			"Stream %s is not folded again yet, which can take minutes for a long history. "+
				"It will be, without another request. List the dead letters to see the result.", stream)
	}
	return nil
}

const awaitFoldedAgain = 30 * time.Second
