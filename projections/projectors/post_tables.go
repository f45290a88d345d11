package projectors

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// eachFigure applies a format to the names of the first n of [domain.GainedPostMetrics].
func eachFigure(n int, format string) string {
	columns := make([]string, n)
	for i := range columns {
		columns[i] = fmt.Sprintf(format, domain.GainedPostMetrics[i])
	}
	return strings.Join(columns, ", ")
}

// hash returns the id of a post in the tables of readings, so that a build and the live fold agree.
func (a agencyPost) hash() int64 {
	return hashOf(a.parent, strconv.FormatInt(a.account, 10), a.external)
}

var postIDs = write.NewTable("post_ids",
	`id bigint, social_account_id bigint, parent_account text, external_id text`,
	write.Clause("on conflict (id) do update set external_id = null where "+
		differ("post_ids", "social_account_id", "parent_account", "external_id")), // refused
	func(k agencyPost) []any { return []any{k.hash(), k.account, k.parent, k.external} })

type postOwner struct {
	figureOwner
	first, last time.Time
}

var postOwners = write.NewTable("post_owners",
	`id bigint, parent_account text, social_account_id bigint, account_id text, member_id bigint, p_id smallint,
	 first_at timestamptz, last_at timestamptz`,
	write.Clause(`
	on conflict (id) do update set `+refuseOther("post_owners")+`,
		first_at = least(post_owners.first_at, excluded.first_at), last_at = greatest(post_owners.last_at, excluded.last_at)`),
	func(o *postOwner) []any {
		return []any{o.id, o.parent, o.account, o.client, o.member, int16(o.platform), o.first, o.last}
	})

var (
	readingColumnTypes = `post bigint, captured_at timestamptz, owner bigint, read_as bigint, published_at timestamptz,
		previous_at timestamptz, reach bigint, avg_watch_ms bigint, a_type smallint, counted boolean, backfilled boolean,
		growth_eligible boolean, from_zero boolean, moved boolean, event_id bytea, ` +
		eachFigure(len(domain.GainedPostMetrics), "%[1]s bigint, known_%[1]s bigint, g%[1]s bigint")
	postReadings = write.NewTable("post_readings", readingColumnTypes, write.Clause(""), (*reading).columns)
)

func (r *reading) columns() []any {
	var readAs *int64
	if r.counts() && r.post != r.external {
		readAs = new(r.id().hash())
	}
	values := append(make([]any, 0, 40),
		r.place, r.at, r.figureOwner.id, readAs, r.published, nullIfZero(r.previousAt), r.reach, r.avgWatch,
		int16(r.accountType), r.counts(), r.backfilled, r.eligible, r.fromZero, r.moved, []byte(r.event))
	for i, value := range r.values {
		values = append(values, value, r.known[i], r.gained[i])
	}
	return values
}

// selectReadings completes a query of readings r with their ids and owners. The client, member and
// platform of a reading are those of its owner.
func selectReadings(from string) string {
	columns := []string{}
	for column := range strings.SplitSeq(readingColumnTypes, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(column), " ")
		columns = append(columns, "r."+name)
	}
	return "select " + strings.Join(columns, ", ") + `, i.external_id, p.external_id,
			o.social_account_id, o.parent_account, o.account_id, o.member_id, o.p_id
		from ` + from + `
		join post_owners o on o.id = r.owner
		join post_ids p on p.id = r.post
		join post_ids i on i.id = coalesce(r.read_as, r.post)`
}

// scanReading scans a row of [selectReadings].
func scanReading(rows pgx.Rows) (*reading, error) {
	var r reading
	var owner int64
	var readAs *int64
	var previous *time.Time
	var event []byte
	var counted bool
	dest := []any{
		&r.place, &r.at, &owner, &readAs, &r.published, &previous, &r.reach, &r.avgWatch, &r.accountType, &counted,
		&r.backfilled, &r.eligible, &r.fromZero, &r.moved, &event,
	}
	for i := range r.values {
		dest = append(dest, &r.values[i], &r.known[i], &r.gained[i])
	}
	err := rows.Scan(append(dest, &r.external, &r.post, &r.account, &r.parent, &r.client, &r.member, &r.platform)...)
	if err != nil {
		return nil, fmt.Errorf("scan reading: %w", err)
	}
	r.figureOwner.id, r.series, r.at, r.event = owner, r.accountSeries.id(), r.at.UTC(), string(event)
	if previous != nil {
		r.previousAt = previous.UTC()
	}
	if r.published != nil {
		r.published = new(r.published.UTC())
	}
	if !counted {
		r.post = ""
	}
	return &r, nil
}
