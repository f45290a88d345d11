package projectors

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const (
	aDay = 24 * time.Hour
	// aWeek begins on Monday: Go rounds down to multiples since a Monday.
	aWeek = 7 * aDay

	ownerFigures = 4 // the number of [domain.GainedPostMetrics] that are summed by owner
)

// sumKey identifies a sum of gains, by post (0: all posts), owner and start of the interval.
type sumKey struct {
	post, owner int64
	begins      time.Time
}

// sumRow is a sum of gains or a change to one: for each of [domain.GainedPostMetrics] the sum and the number of
// gains in it. In a change, all numbers may be negative.
type sumRow struct {
	sumKey
	gained, known [len(domain.GainedPostMetrics)]int64
	readings      int64
	first, last   time.Time
}

func (s *sumRow) columns(n int) (values []any) {
	for i := range n {
		values = append(values, s.gained[i], s.known[i])
	}
	return values
}

const sumPair = "%[1]s bigint, %[1]s_n integer"

var (
	postWeeks = write.NewTable("post_weeks",
		"post bigint, owner bigint, begins timestamptz, readings integer, "+eachFigure(len(domain.GainedPostMetrics), sumPair),
		addRow("post_weeks", "post, owner, begins"),
		func(row *sumRow) []any {
			return append([]any{row.post, row.owner, row.begins, row.readings}, row.columns(len(domain.GainedPostMetrics))...)
		})
	postDays, postQuarters = newOwnerSums("post_days"), newOwnerSums("post_quarters")
)

func newOwnerSums(name string) write.Table[*sumRow] {
	return write.NewTable(name,
		`owner bigint, begins timestamptz, readings integer, first_at timestamptz, last_at timestamptz, `+
			eachFigure(ownerFigures, sumPair),
		addRow(name, "owner, begins"),
		func(row *sumRow) []any {
			return append([]any{row.owner, row.begins, row.readings, row.first, row.last}, row.columns(ownerFigures)...)
		})
}

// addRow returns a clause that adds a row to an existing one with the same key.
func addRow(table, key string) write.OnConflict {
	return func(columns []string) string {
		var sets []string
		for _, c := range columns {
			stored, added := table+"."+c, "excluded."+c
			switch {
			case slices.Contains(strings.Split(key, ", "), c):
			case c == "first_at":
				sets = append(sets, c+" = least("+stored+", "+added+")")
			case c == "last_at":
				sets = append(sets, c+" = greatest("+stored+", "+added+")")
			default:
				sets = append(sets, c+" = "+stored+" + "+added)
			}
		}
		return "on conflict (" + key + ") do update set " + strings.Join(sets, ", ")
	}
}

// sums are changes to sums over intervals of equal length.
type sums struct {
	length  time.Duration
	byPost  bool
	rows    map[sumKey]*sumRow
	reduced map[sumKey]bool // rows from which a reading was subtracted
}

func newSums(length time.Duration, byPost bool) *sums {
	return &sums{length, byPost, map[sumKey]*sumRow{}, map[sumKey]bool{}}
}

// add adds a reading if sign is +1, and subtracts it if it is -1.
func (s *sums) add(r *reading, sign int64) {
	if !r.counts() {
		return
	}
	key := sumKey{owner: r.figureOwner.id, begins: r.at.Truncate(s.length)}
	if s.byPost {
		key.post = r.place
	}
	row := s.rows[key]
	if row == nil {
		row = &sumRow{sumKey: key, first: r.at, last: r.at}
		s.rows[key] = row
	}
	row.first, row.last = earlierOf(row.first, r.at), laterOf(row.last, r.at)
	row.readings += sign
	for i, gain := range r.gained {
		if gain != nil {
			row.gained[i], row.known[i] = row.gained[i]+sign**gain, row.known[i]+sign
		}
	}
	if sign < 0 {
		s.reduced[key] = true
	}
}

// write writes the rows of an owner next to each other, because rankings read them together.
func (s *sums) write(into write.Sink, table write.Table[*sumRow]) {
	table.Write(into, slices.SortedFunc(maps.Values(s.rows), func(a, b *sumRow) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), a.begins.Compare(b.begins), cmp.Compare(a.post, b.post))
	}))
	if len(s.reduced) == 0 {
		return
	}
	keys := write.Arrays(slices.Collect(maps.Keys(s.reduced)), func(k sumKey) []any {
		return []any{k.post, k.owner, k.begins, k.begins.Add(s.length)}
	})
	const ofKeys = `unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) as k(post, owner, begins, ends)
		where s.owner = k.owner and s.begins = k.begins`
	if s.byPost {
		into.Exec(`delete from post_weeks s using `+ofKeys+` and s.post = k.post and s.readings = 0`, keys...)
		return
	}
	into.Exec(`delete from `+table.Name+` s using `+ofKeys+` and s.readings = 0`, keys...)
	into.Exec(`update `+table.Name+` s set
			first_at = (select min(captured_at) `+ofInterval+`), last_at = (select max(captured_at) `+ofInterval+`)
		from `+ofKeys, keys...)
}

const ofInterval = `from post_readings where owner = k.owner and captured_at >= k.begins and captured_at < k.ends and counted`

// writeSums writes the changes of the batch to the sums: for each changed reading, it subtracts the
// old gain and adds the new one.
func writeSums(into write.Sink, changed []*reading) {
	weeks, days, quarters := newSums(aWeek, true), newSums(aDay, false), newSums(domain.GainQuarter, false)
	for _, r := range changed {
		for _, s := range []*sums{weeks, days, quarters} {
			if r.stored != nil {
				s.add(r.stored, -1)
			}
			s.add(r, +1)
		}
	}
	weeks.write(into, postWeeks)
	days.write(into, postDays)
	quarters.write(into, postQuarters)
}
