package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// parkedRow is a row of table parked. It contains a position and a reason, but never a payload.
type parkedRow struct {
	projection string // set by queueParked
	generation int    // set by queueParked
	Partition  int32
	Offset     int64
	Key        string
	Type       string
	EventID    string
	Time       *time.Time
	Reason     fold.Reason
	Detail     string
	State      string
}

// maxDetail is the maximum size of a text column in bytes, so that a hostile record cannot fill the
// table.
const maxDetail = 500

func storable(s string) string { return domain.Storable(s, maxDetail) }

func newParkedRow(ev fold.Event, err error) parkedRow {
	row := parkedRow{
		Partition: ev.Raw.Partition, Offset: ev.Raw.Offset, Key: storable(string(ev.Raw.Key)),
		Type: storable(ev.Raw.Header("ce_type")), EventID: storable(ev.Raw.Header("ce_id")),
		Reason: fold.ReasonRefused, Detail: storable(fold.WithoutValues(err)), State: ParkedWaits,
	}
	// From the header, because the payload may not be decodable.
	if at, err := time.Parse(time.RFC3339Nano, ev.Raw.Header("ce_time")); err == nil {
		row.Time = &at
	}
	if park, ok := errors.AsType[*fold.ParkError](err); ok {
		row.Reason, row.Detail = park.Reason, storable(park.Detail)
	}
	return row
}

// If the row exists, the event was retried without success, and the row keeps its state.
var parkedTable = write.NewTable("parked",
	`projection text, generation int, partition int, log_offset bigint, state text,
	 stream_key text, event_type text, event_id text, event_time timestamptz, reason text, detail text`,
	write.Clause(`on conflict (projection, generation, partition, log_offset) do update set
		stream_key = excluded.stream_key, event_type = excluded.event_type, event_id = excluded.event_id,
		event_time = excluded.event_time, reason = excluded.reason, detail = excluded.detail`),
	func(r parkedRow) []any {
		return []any{
			r.projection, r.generation, r.Partition, r.Offset, r.State,
			r.Key, r.Type, r.EventID, r.Time, string(r.Reason), r.Detail,
		}
	})

// queueParked stores parked events and logs them.
func (w work) queueParked(batch *pgx.Batch, g generation, rows []parkedRow) {
	if len(rows) == 0 {
		return
	}
	level := slog.LevelError
	if g.Number > 1 && g.State != StateLive { // already logged by the previous generation
		level = slog.LevelDebug
	}
	for i, r := range rows {
		rows[i].projection, rows[i].generation = w.projector.Name, g.Number
		w.logger.Log(context.Background(), level, "event parked",
			"partition", r.Partition, "offset", r.Offset, "key", r.Key,
			"type", r.Type, "reason", string(r.Reason), "detail", r.Detail)
	}
	parkedTable.Queue(batch, rows)
	// An event that an operator skipped in its row of another generation is skipped in this one
	// too.
	batch.Queue(`
		update parked p set state = 'left_out'
		from parked o, unnest($3::int[], $4::bigint[]) as u(partition, log_offset)
		where p.projection = $1 and p.generation = $2 and p.partition = u.partition and p.log_offset = u.log_offset
		  and o.projection = $1 and o.generation <> $2 and o.partition = u.partition and o.log_offset = u.log_offset
		  and p.state = 'parked' and o.state = 'left_out'`,
		append([]any{w.projector.Name, g.Number}, write.Arrays(rows, func(r parkedRow) []any {
			return []any{r.Partition, r.Offset}
		})...)...)
}

// queueOvertaken deletes parked rows whose key has a later event, folded or parked. On a compacted
// topic, only the last record of a key counts: folding an older one again would restore an old
// state, and a rebuild does not see the older one once compaction has removed it.
func (w work) queueOvertaken(batch *pgx.Batch, generation int, events []fold.Event) {
	if !w.compacted || len(events) == 0 {
		return
	}
	overtaking := write.Arrays(events, func(ev fold.Event) []any {
		return []any{storable(string(ev.Raw.Key)), ev.Raw.Partition, ev.Raw.Offset}
	})
	batch.Queue(`
		delete from parked p using unnest($3::text[], $4::int[], $5::bigint[]) as f(stream_key, partition, log_offset)
		where p.projection = $1 and p.generation = $2
		  and p.stream_key = f.stream_key and p.partition = f.partition and p.log_offset < f.log_offset`,
		append([]any{w.projector.Name, generation}, overtaking...)...)
}

// The states of a parked event.
const (
	ParkedWaits = "parked" // waiting for an operator
	// ParkedSkipped means that an operator has skipped the event: by a record of its stream or, if
	// it blocks no other event, in its row (stored as 'left_out').
	ParkedSkipped = "skipped"
)

func parkedID(projection string, partition int32, offset int64) string {
	return fmt.Sprintf("%s-%d-%d", projection, partition, offset)
}

func splitParkedID(id string) (projection string, partition int32, offset int64, err error) {
	if parts := strings.Split(id, "-"); len(parts) == 3 {
		number, first := strconv.ParseInt(parts[1], 10, 32)
		at, second := strconv.ParseInt(parts[2], 10, 64)
		if first == nil && second == nil && parts[0] != "" {
			return parts[0], int32(number), at, nil
		}
	}
	return "", 0, 0, domain.NewError(domain.CodeInvalid,
		"%.80q is not the id of a parked event. Use PROJECTION-PARTITION-OFFSET, as in the list of parked events.", id)
}

// matchesFilter is an SQL condition on table parked with alias p. Its arguments come from
// [parkedArgs].
const matchesFilter = `
	(@projection = '' or p.projection = @projection) and (@stream = '' or p.stream_key = @stream)
	and (@state = '' or p.state = @state)
	and (cardinality(@ids::text[]) = 0 or format('%s-%s-%s', p.projection, p.partition, p.log_offset) = any(@ids))`

func parkedArgs(f operator.ParkedFilter) (pgx.NamedArgs, error) {
	for _, id := range f.IDs {
		if _, _, _, err := splitParkedID(id); err != nil {
			return nil, err
		}
	}
	return pgx.NamedArgs{
		"projection": f.Projection, "stream": f.Stream, "state": f.State,
		"ids":   append([]string{}, f.IDs...), // a nil slice would become null, which matches nothing
		"limit": f.Limit,
	}, nil
}

// ListParked returns the parked events of the live generations, ordered by projection, partition
// and offset. If two versions of a projection are live, it returns the event of the newer one. An
// action with the same filter affects these events. If an id is malformed, the error has code
// [domain.CodeInvalid].
func ListParked(ctx context.Context, pool *pgxpool.Pool, f operator.ParkedFilter) ([]operator.ParkedEvent, error) {
	args, err := parkedArgs(f)
	if err != nil {
		return nil, err
	}
	args["after"], args["after_partition"], args["after_offset"] = "", int32(0), int64(0)
	if f.After != "" {
		if args["after"], args["after_partition"], args["after_offset"], err = splitParkedID(f.After); err != nil {
			return nil, err
		}
	}
	return pg.List(ctx, pool, "list parked events", pgx.RowToStructByPos[operator.ParkedEvent], `
		select distinct on (p.projection, p.partition, p.log_offset)
		       format('%s-%s-%s', p.projection, p.partition, p.log_offset),
		       p.projection, g.topic, p.partition, p.log_offset,
		       p.stream_key, p.event_type, p.event_id, p.event_time, p.reason, p.detail,
		       case p.state when 'left_out' then 'skipped' else p.state end,
		       case when p.reason = 'behind' or p.state <> 'parked' then 0 else (
		           select count(*) from parked b
		           where b.projection = p.projection and b.generation = p.generation and b.partition = p.partition
		             and b.stream_key = p.stream_key and b.log_offset > p.log_offset
		             and b.reason = 'behind' and b.state = 'parked') end
		from parked p join generations g using (projection, generation)
		where g.state = 'live' and `+matchesFilter+`
		  and (p.projection, p.partition, p.log_offset) > (@after, @after_partition::int, @after_offset::bigint)
		order by p.projection, p.partition, p.log_offset, g.version desc
		limit nullif(@limit, 0)`, args)
}
