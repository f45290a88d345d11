package analytics

import (
	"context"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// spells say who of an agency had a social account when, by its readings. A step belongs to the owner of its later
// reading; a day flow to the one who had the account when the day ended.
type spells struct {
	read []spell // by all readings
	had  []spell // by those that were not filled in from the past: a back-fill is of days that were another one's
}

// spell is that an owner's readings begin.
type spell struct {
	owner
	from time.Time // capture of the first one
}

// ownerBefore is whose reading the last one before an instant is, else the first one's.
func ownerBefore(list []spell, at time.Time) (o owner) {
	for i, s := range list {
		if i == 0 || s.from.Before(at) {
			o = s.owner
		}
	}
	return o
}

// heldPages are the social accounts that an answer is about, and who had them when.
type heldPages struct {
	of     []int64           // those that the owners whom the answer is about have had; nil: all of the agency's
	spells map[int64]*spells // of those that moved between owners whom the answer tells apart
}

// part is what the answer shows of an owner apart from others.
func (qc *queryContext) part(o owner) string {
	switch {
	case !qc.sees(o):
		return ""
	case qc.byAccount:
		return o.account
	default:
		return "seen"
	}
}

// tenure is what account_newest says of the readings of one owner of a social account.
type tenure struct {
	owner

	first, last time.Time
	since       *time.Time // the first one that was not filled in from the past; nil: all were
}

// heldPages reads them from account_newest, where the answer is about some owners or tells them apart. A reading tells
// who has a page, whatever figures it has: one that only the later owner has read was the earlier one's until then.
func (qc *queryContext) heldPages(ctx context.Context, span figureSpan) (heldPages, error) {
	pages := heldPages{spells: map[int64]*spells{}}
	var those string
	switch {
	case qc.narrowed():
		pages.of = []int64{}
		those = "and " + qc.within("account_id") + " and ($3::bigint = 0 or member_id = $3)"
	case qc.byAccount:
		those = "and $2::text[] is null and $3::bigint = 0 group by social_account_id having count(*) > 1"
	default:
		return pages, nil
	}
	rows, _ := qc.tx.Query(ctx, `
		select social_account_id, account_id, member_id, first_at, captured_at, tracked_since
		from account_newest
		where parent_account = $1 and social_account_id in (select social_account_id from account_newest where parent_account = $1 `+those+`)
		order by social_account_id, first_at`, qc.scope.ParentAccount, qc.scope.Accounts, qc.query.Member)
	tenures := map[int64][]tenure{}
	var social int64
	var t tenure
	err := forEach(rows, "read who had the accounts", []any{
		&social, &t.account, &t.member, &t.first, &t.last, &t.since,
	}, func() { tenures[social] = append(tenures[social], t) })
	if err != nil {
		return pages, err
	}
	var mixed []int64
	for social, list := range tenures {
		if !slices.ContainsFunc(list, func(t tenure) bool { return qc.part(t.owner) != qc.part(list[0].owner) }) {
			continue
		}
		spells, apart := spellsOf(list)
		pages.spells[social] = spells
		if !apart {
			mixed = append(mixed, social)
		}
	}
	if err := qc.readSpells(ctx, span, mixed, pages.spells); err != nil {
		return pages, err
	}
	if pages.of != nil {
		pages.of = slices.AppendSeq(pages.of, maps.Keys(tenures))
	}
	return pages, nil
}

// spellsOf are the spells of a social account whose owners have read it one after the other. apart is false where they
// have not: then only the readings tell.
func spellsOf(list []tenure) (s *spells, apart bool) {
	s = &spells{}
	var had []tenure
	for i, t := range list {
		if i > 0 && !t.first.After(list[i-1].last) {
			return &spells{}, false
		}
		s.read = append(s.read, spell{t.owner, t.first})
		if t.since != nil {
			had = append(had, t)
		}
	}
	for _, t := range had { // in the same order: their readings are among those that are apart
		s.had = append(s.had, spell{t.owner, *t.since})
	}
	return s, true
}

// whoHad are the spells by which a day is somebody's.
func (s *spells) whoHad() []spell {
	if len(s.had) == 0 { // all is filled in from the past
		return s.read
	}
	return s.had
}

// readSpells finds out who had those social accounts when in a span of days by their readings: all of the span, and the
// nearest ones before and after it.
func (qc *queryContext) readSpells(ctx context.Context, span figureSpan, of []int64, into map[int64]*spells) error {
	if len(of) == 0 {
		return nil
	}
	reading := func(where string) string {
		return `(select p.social, captured_at, account_id, member_id, backfilled from tSAccountIns i
			where i.social_account_id = p.social and i.parent_account = $2 and ` + where + `)`
	}
	rows, _ := qc.tx.Query(ctx, `
		with r as (
			select r.* from unnest($1::bigint[]) as p(social) cross join lateral (
				`+reading("captured_at >= $3 and captured_at < $4")+`
				union all `+reading("captured_at < $3 order by captured_at desc limit 1")+`
				union all `+reading("captured_at < $3 and not backfilled order by captured_at desc limit 1")+`
				union all `+reading("captured_at >= $4 order by captured_at limit 1")+`
				union all `+reading("captured_at >= $4 and not backfilled order by captured_at limit 1")+`) r)
		select t.social, t.filled, t.captured_at, t.account_id, t.member_id from (
			select true as filled, r.*, lag(account_id) over w as before_account, lag(member_id) over w as before_member
			from r window w as (partition by social order by captured_at)
			union all
			select false, r.*, lag(account_id) over w, lag(member_id) over w
			from r where not backfilled window w as (partition by social order by captured_at)) t
		where t.account_id is distinct from t.before_account or t.member_id is distinct from t.before_member
		order by t.social, t.captured_at`,
		of, qc.scope.ParentAccount, span.first.utc(), (span.end + 1).utc())
	var social int64
	var filled bool
	var s spell
	return forEach(rows, "read whose readings the accounts have", []any{&social, &filled, &s.from, &s.account, &s.member}, func() {
		if filled {
			into[social].read = append(into[social].read, s)
		} else {
			into[social].had = append(into[social].had, s)
		}
	})
}

// flow is the day flow of a day, and whose it is: his who had the account when the day ended, whoever has read it. The
// value is the last capture's.
func (s *metricSeries) flow(d day) (last *sample, whose owner) {
	for _, f := range s.flows {
		if p := f.of(d); p != nil && (last == nil || p.replaces(last)) {
			last, whose = p, f.owner
		}
	}
	if last != nil && s.spells != nil {
		whose = ownerBefore(s.spells.whoHad(), (d + 1).utc())
	}
	return last, whose
}

// flowDays are the day flows of those days that are some owners'.
func (qc *queryContext) flowDays(s *metricSeries, of func(owner) bool) byDay {
	if len(s.flows) == 1 && s.spells == nil && of(s.flows[0].owner) {
		return s.flows[0].byDay
	}
	span := qc.figureSpan()
	days := byDay{}.or(span)
	for d := span.first; d < span.end; d++ {
		if p, whose := s.flow(d); p != nil && of(whose) {
			days.put(d, p)
			qc.noteAccount(s.social, whose.account, s.platform, p.at)
		}
	}
	return days
}

// span is a part of the compared period, of the range or of what lies between, in which nothing changes hands.
type span struct {
	from, to time.Time
	owner    owner // of an account that changed hands
	// byDays says that day flows count in it, and steps do not.
	byDays bool
}

// ownerIn is who has the account in a span.
func (s *metricSeries) ownerIn(p span) owner {
	if s.spells == nil {
		return s.owners[0]
	}
	return p.owner
}

// mixed says that an account has both steps and day flows.
func (s *metricSeries) mixed() bool {
	return len(s.flows) > 0 && s.gauges[gaugeKey{kind: domain.Cumulative}] != nil
}

// spansOf cuts the time from the start of the compared period to the end of the range where a part of the answer begins, where
// the account changes hands, and, of a mixed one, where its days begin.
func (qc *queryContext) spansOf(s *metricSeries, buckets []bucket) []span {
	r := qc.query.Range
	start := r.From
	cuts := append([]time.Time{r.From, r.To}, starts(buckets)...)
	if !qc.uncompared {
		start = qc.compared.From
		cuts = append(cuts, qc.compared.From, qc.compared.To)
	}
	if s.spells != nil {
		for _, spell := range s.spells.read {
			if spell.from.After(start) && spell.from.Before(r.To) {
				cuts = append(cuts, spell.from)
			}
		}
	}
	mixed := s.mixed()
	if mixed {
		for d := dayOf(start.In(r.Zone)) + 1; d.start(r.Zone).Before(r.To); d++ {
			cuts = append(cuts, d.start(r.Zone))
		}
	}
	between := qc.figureSpan().of(s.metric).between
	cuts = slices.DeleteFunc(cuts, func(at time.Time) bool { return at.After(between.first.utc()) && at.Before(between.end.utc()) })
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	spans := make([]span, 0, len(cuts)-1)
	for i, to := range cuts[1:] {
		part := span{from: cuts[i], to: to}
		if s.spells != nil {
			part.owner = ownerBefore(s.spells.read, to)
		}
		if mixed {
			p, _ := s.flow(dayOf(part.from.In(r.Zone)))
			part.byDays = p != nil
		}
		spans = append(spans, part)
	}
	return spans
}

// within are the indexes of the spans from one instant to another: cuts of both are there. Between an instant and itself, as
// the 29th of February is in a year before, there is none.
func (s *metricSeries) within(from, to time.Time) (first, end int) {
	first = sort.Search(len(s.spans), func(i int) bool { return !s.spans[i].from.Before(from) })
	end = first
	for end < len(s.spans) && s.spans[end].from.Before(to) {
		end++
	}
	return first, end
}
