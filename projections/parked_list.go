package projections

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// The states of a parked event.
const (
	ParkedWaits   = "parked"  // waiting for an operator
	ParkedSkipped = "skipped" // left out by an operator: by a record of its stream, or in its row ('left_out') if it blocks no other event
)

// ParkedID returns the id of a parked event.
func ParkedID(projection string, partition int32, offset int64) string {
	return fmt.Sprintf("%s-%d-%d", projection, partition, offset)
}

// splitParkedID parses an id that [ParkedID] returned. Its error has code invalid.
func splitParkedID(id string) (projection string, partition int32, offset int64, err error) {
	if parts := strings.Split(id, "-"); len(parts) == 3 {
		number, first := strconv.ParseInt(parts[1], 10, 32)
		at, second := strconv.ParseInt(parts[2], 10, 64)
		if first == nil && second == nil && parts[0] != "" {
			return parts[0], int32(number), at, nil
		}
	}
	return "", 0, 0, domain.NewError(domain.CodeInvalid, "%.80q is not the id of a parked event. Write PROJECTION-PARTITION-OFFSET, as in the list.", id)
}

// matchesFilter is a condition on table parked with alias p. Its arguments come from [parkedArgs].
const matchesFilter = `
	(@projection = '' or p.projection = @projection) and (@stream = '' or p.stream_key = @stream) and (@state = '' or p.state = @state)
	and (cardinality(@ids::text[]) = 0 or format('%s-%s-%s', p.projection, p.partition, p.log_offset) = any(@ids))`

// parkedArgs validates the filter and returns the arguments of its condition.
func parkedArgs(f operator.ParkedFilter) (pgx.NamedArgs, error) {
	for _, id := range f.IDs {
		if _, _, _, err := splitParkedID(id); err != nil {
			return nil, err
		}
	}
	return pgx.NamedArgs{
		"projection": f.Projection, "stream": f.Stream, "state": f.State,
		"ids": append([]string{}, f.IDs...), "limit": f.Limit, // null would match nothing
	}, nil
}

// ListParked returns the parked events of the live generations, ordered by projection, partition
// and offset. If two versions of a projection are live, the newer one counts. The list is the
// preview of an action with the same filter. Its error is invalid for a malformed id.
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
		       format('%s-%s-%s', p.projection, p.partition, p.log_offset), p.projection, g.topic, p.partition, p.log_offset, p.stream_key,
		       p.event_type, p.event_id, p.event_time, p.reason, p.detail, case p.state when 'left_out' then 'skipped' else p.state end,
		       case when p.reason = 'behind' then 0 else (
		           select count(*) from parked b
		           where b.projection = p.projection and b.generation = p.generation and b.partition = p.partition
		             and b.stream_key = p.stream_key and b.log_offset > p.log_offset and b.reason = 'behind' and b.state = 'parked') end
		from parked p join generations g using (projection, generation)
		where g.state = 'live' and `+matchesFilter+` and (p.projection, p.partition, p.log_offset) > (@after, @after_partition::int, @after_offset::bigint)
		order by p.projection, p.partition, p.log_offset, g.version desc
		limit nullif(@limit, 0)`, args)
}
