package projectors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// late describes a reading that affects rows after its day.
type late struct {
	agencyPost
	from  time.Time // start of the next day
	needs [7]bool   // by index in [stepFigures]: the next reading with the figure is needed
}

// loadLate loads the readings that late readings affect. For each late reading, it looks up the end
// of the effect and reads that range by key. OFFSET 0 keeps the server from planning a single join,
// which would read every month completely and look up the end of the effect for each pair of
// readings.
func loadLate(ctx context.Context, tx pgx.Tx, f *postFold) error {
	var ask []late
	for key, reads := range f.want {
		s := f.series[key]
		for _, r := range reads {
			if s != nil && !s.newest.Before(dayOf(r.CapturedAt).Add(aDay)) {
				if l, needed := s.effect(key, r); needed {
					ask = append(ask, l)
				}
			}
		}
	}
	if len(ask) == 0 {
		return nil
	}
	args := write.Arrays(ask, func(l late) []any {
		values := []any{l.account, l.external, l.parent, l.from}
		for _, needs := range l.needs {
			values = append(values, needs)
		}
		return values
	})
	var ends []string
	for _, figure := range stepFigures {
		ends = append(ends, fmt.Sprintf(`case when k.%[1]s then coalesce((
				select p.captured_at from tSPostInsights p
				where %[2]s and p.captured_at >= k.day and p.%[1]s is not null
				order by p.captured_at limit 1), 'infinity') end`, figure.name, ofSeries))
	}
	rows, err := tx.Query(ctx, `
		select n.* from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[],
				$5::boolean[], $6::boolean[], $7::boolean[], $8::boolean[], $9::boolean[], $10::boolean[],
				$11::boolean[])
			as k(social_account_id, external_id, parent_account, day,
				likes, comments, shares, views, impressions, clicks, saves)
		cross join lateral (select greatest(
			(select p.captured_at from tSPostInsights p where `+ofSeries+` and p.captured_at >= k.day
			 order by p.captured_at limit 1),
			`+strings.Join(ends, ",\n\t\t\t")+`) as at offset 0) e
		cross join lateral (
			select `+wholeColumns+`, false as settled from tSPostInsights p
			where `+ofSeries+` and p.captured_at >= k.day
			  and p.captured_at < (date_trunc('day', e.at at time zone 'UTC') + interval '24 hours') at time zone 'UTC'
			offset 0) n`, args...)
	if err != nil {
		return fmt.Errorf("read readings after late ones: %w", err)
	}
	return f.scanWhole(rows, (*series).addStored)
}

// effect returns the effect of reading r beyond its day. beyond is false if later readings of the
// same day have all of r's figures, or if the stored reading of the same instant takes precedence,
// for example because the log contains duplicates. If r replaces a stored reading, the figures of
// both are considered.
func (s *series) effect(key agencyPost, r *wantedRead) (l late, beyond bool) {
	l = late{agencyPost: key, from: dayOf(r.CapturedAt).Add(aDay)}
	counts := []domain.Counts{r.Counts}
	i, found := s.find(r.CapturedAt)
	if found {
		if s.readings[i].eventID <= r.eventID {
			return l, false
		}
		counts = append(counts, s.readings[i].Counts)
		i++
	}
	after := s.readings[i:]
	end, _ := slices.BinarySearchFunc(after, l.from, func(r *reading, t time.Time) int { return r.at.Compare(t) })
	after = after[:end]
	for n, figure := range stepFigures {
		hasFigure := func(c domain.Counts) bool { return figure.value(c) != nil }
		l.needs[n] = slices.ContainsFunc(counts, hasFigure) &&
			!slices.ContainsFunc(after, func(r *reading) bool { return hasFigure(r.Counts) })
	}
	return l, len(after) == 0 || l.needs != [7]bool{}
}
