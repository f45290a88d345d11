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
	ParkedWaits   = "parked"  // it waits for an operator
	ParkedSkipped = "skipped" // an operator has left it out: by a record of its stream, or where it holds up none, in its row ('left_out')
)

// ParkedID names a parked event.
func ParkedID(projection string, partition int32, offset int64) string {
	return fmt.Sprintf("%s-%d-%d", projection, partition, offset)
}

// splitParkedID is the other way round; its error is invalid.
func splitParkedID(id string) (projection string, partition int32, offset int64, err error) {
	if parts := strings.Split(id, "-"); len(parts) == 3 {
		number, first := strconv.ParseInt(parts[1], 10, 32)
		at, second := strconv.ParseInt(parts[2], 10, 64)
		if first == nil && second == nil && parts[0] != "" {
			return parts[0], int32(number), at, nil
		}
	}
	return "", 0, 0, domain.NewError(domain.CodeInvalid, "%.80q names no parked event: write PROJECTION-PARTITION-OFFSET, as the list shows it.", id)
}

// matchesFilter is a condition on table parked as p; its arguments are those of [parkedArgs].
const matchesFilter = `
	(@projection = '' or p.projection = @projection) and (@stream = '' or p.stream_key = @stream) and (@state = '' or p.state = @state)
	and (cardinality(@ids::text[]) = 0 or format('%s-%s-%s', p.projection, p.partition, p.log_offset) = any(@ids))`

// args checks the filter and returns the arguments of its condition.
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

// ListParked returns the parked events of the generations that readers use, by projection, partition and offset.
// While two versions of a projection are read, the newer one speaks. It is the preview of an action with the same
// filter. Its errors: invalid for an id that is none.
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
