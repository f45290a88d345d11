package projectors

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// AccountInsights projects account readings into tSAccountIns and the rollups account_months and
// account_newest. The tables depend only on the set of events, not on their order: of two readings
// of the same account and agency at the same instant, the one with the smaller event id counts, and
// for each day the latest value counts.
var AccountInsights = fold.Projector{
	Name: "account_insights", Version: 8 + ahead, Topic: domain.TopicMetrics,
	Definition: ddl.Of("account_insights"),
	Tables:     []string{"tSAccountIns", "account_months", "account_newest", "account_erasures"},
	Types:      []string{domain.AccountRead{}.EventType(), domain.AccountErased{}.EventType()},
	Begin: func(int) fold.Fold {
		return &accountFold{erased: newErasures(), newest: map[newestKey]newestRow{}, months: monthFold{}}
	},
	Order: byCapture,
}

type readingKey struct {
	account int64
	parent  string
	at      time.Time
}

type accountEvent struct {
	domain.AccountRead
	eventID string
}

type accountRow struct {
	accountEvent
	columns                        map[string]int64
	figures, missing, demographics []byte
}

// accountFold collects readings. Write produces the rows; the conditions in its statements decide
// which of two rows is kept.
type accountFold struct {
	loadsNothing

	erased erasures
	events []accountEvent // whose rows are not produced yet
	newest map[newestKey]newestRow
	months monthFold
}

// accountSeries identifies the readings of one account for one agency.
type accountSeries struct {
	account int64
	parent  string
}

func (k accountSeries) compare(o accountSeries) int {
	return cmp.Or(cmp.Compare(k.account, o.account), cmp.Compare(k.parent, o.parent))
}

type newestKey struct {
	account     int64
	parent, sub string
	member      int64
}

func newestKeyOf(t domain.Tenant) newestKey {
	return newestKey{t.SocialAccount, t.ParentAccount, t.AccountID, t.MemberID}
}

// newestRow is a row of account_newest: the newest reading of an owner, and the time span of the
// owner's readings.
type newestRow struct {
	accountRow
	first        time.Time
	since, until time.Time // of readings that are not backfilled; zero: none
}

func (n newestRow) merge(row accountRow) newestRow {
	if n.eventID == "" || later(row.CapturedAt, row.eventID, n.CapturedAt, n.eventID) {
		n.accountRow = row
	}
	earliest := func(at *time.Time) {
		if at.IsZero() || row.CapturedAt.Before(*at) {
			*at = row.CapturedAt
		}
	}
	earliest(&n.first)
	if !row.Backfilled {
		earliest(&n.since)
		if row.CapturedAt.After(n.until) {
			n.until = row.CapturedAt
		}
	}
	return n
}

func (f *accountFold) Apply(ev fold.Event) error {
	switch data := ev.Data.(type) {
	case domain.AccountRead:
		data.CapturedAt = instant(data.CapturedAt)
		if !f.erased.covers(data.Tenant, data.CapturedAt) {
			f.events = append(f.events, accountEvent{data, ev.Envelope.ID})
		}
		return nil
	case domain.AccountErased:
		f.erased.applied.note(data)
		return nil
	default:
		return errMisplaced
	}
}

// Load implements [fold.Fold]. Readings need only the stored erasures.
func (f *accountFold) Load(first *pgx.Batch, events []fold.Event) {
	f.erased.queueLoad(first, "account_erasures", events)
}

// setFigures sets the columns that follow from the figures of the reading.
func (r *accountRow) setFigures() (err error) {
	r.columns = map[string]int64{}
	newest := map[string]string{}
	for _, figure := range r.Figures {
		if day, seen := newest[figure.Name]; !seen || figure.Day > day {
			newest[figure.Name], r.columns[figure.Name] = figure.Day, figure.Value
		}
	}
	r.figures, err = jsonArray(r.Figures)
	return err
}

// jsonArray encodes a list. It encodes nil as an empty array.
func jsonArray[T any](list []T) ([]byte, error) {
	if list == nil {
		return []byte("[]"), nil
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode list: %w", err)
	}
	return raw, nil
}

var figureColumns = []string{
	domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricViews, domain.MetricReach,
	domain.MetricPosts, domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricClicks,
}

var accountReadings = write.NewTable("tSAccountIns",
	`social_account_id bigint, captured_at timestamptz, event_id text, parent_account text, account_id text,
	 member_id bigint, p_id smallint, a_type smallint, backfilled boolean,
	 figures jsonb, missing jsonb, demographics jsonb,
	 `+strings.Join(figureColumns, " bigint, ")+" bigint",
	write.ReplaceRow("social_account_id, parent_account, captured_at", " where "+smallerID("tSAccountIns")),
	func(r accountRow) []any {
		values := []any{
			r.SocialAccount, r.CapturedAt, r.eventID, r.ParentAccount, r.AccountID, r.MemberID,
			int16(r.Platform), int16(r.AccountType), r.Backfilled, r.figures, r.missing, r.demographics,
		}
		for _, name := range figureColumns {
			var figure any
			if v, ok := r.columns[name]; ok {
				figure = v
			}
			values = append(values, figure)
		}
		return values
	})

var accountNewest = write.NewTable("account_newest",
	`social_account_id bigint, parent_account text, account_id text, member_id bigint, captured_at timestamptz,
	 event_id text, metrics text[], missing jsonb,
	 first_at timestamptz, tracked_since timestamptz, tracked_until timestamptz`,
	write.Clause(`
	on conflict (social_account_id, parent_account, account_id, member_id) do update set
		`+theLater("account_newest", "captured_at", "event_id", "metrics", "missing")+`,
		first_at = least(account_newest.first_at, excluded.first_at),
		tracked_since = least(account_newest.tracked_since, excluded.tracked_since),
		tracked_until = greatest(account_newest.tracked_until, excluded.tracked_until)`),
	func(r newestRow) []any {
		return []any{
			r.SocialAccount, r.ParentAccount, r.AccountID, r.MemberID, r.CapturedAt, r.eventID,
			r.metrics(), r.missing, r.first, nullIfZero(r.since), nullIfZero(r.until),
		}
	})

func (n newestRow) metrics() []string {
	metrics := make([]string, 0, len(n.Figures))
	for _, figure := range n.Figures {
		metrics = append(metrics, figure.Name)
	}
	slices.Sort(metrics)
	return slices.Compact(metrics)
}

// Write implements [fold.Fold]. Of readings at the same instant, only one has a row. In a build, they
// follow each other, so all but those of the last instant are final.
func (f *accountFold) Write(into write.Sink, last bool) error {
	if last {
		f.eraseStored(into)
	}
	events := f.events
	f.events = nil
	if n := len(events); !last && n > 0 {
		final := slices.IndexFunc(events, func(e accountEvent) bool { return e.CapturedAt.Equal(events[n-1].CapturedAt) })
		events, f.events = events[:final], slices.Clone(events[final:])
	}
	readings, err := f.readings(events)
	if err != nil {
		return err
	}
	accountReadings.Write(into, readings)
	if last {
		accountMonths.Write(into, f.months.rows())
		accountNewest.Write(into, slices.Collect(maps.Values(f.newest)))
		renew(into, f.renewed(readings))
	}
	return nil
}

// readings returns the rows of readings, and adds them to months and newest readings.
func (f *accountFold) readings(events []accountEvent) (rows []accountRow, err error) {
	places := make(map[readingKey]int, len(events))
	for _, e := range events {
		row := accountRow{accountEvent: e}
		if err := row.setFigures(); err != nil {
			return nil, err
		}
		if row.missing, err = jsonArray(e.Missing); err != nil {
			return nil, err
		}
		if row.demographics, err = jsonArray(e.Demographics); err != nil {
			return nil, err
		}
		key := readingKey{e.SocialAccount, e.ParentAccount, e.CapturedAt}
		if at, ok := places[key]; !ok {
			places[key], rows = len(rows), append(rows, row)
		} else if e.eventID < rows[at].eventID {
			rows[at] = row
		}
		if !f.erased.hasErasure(e.Tenant) {
			f.addNewest(row)
		}
		f.months.add(&e.AccountRead, e.eventID)
	}
	for _, row := range rows {
		if f.erased.hasErasure(row.Tenant) { // see [accountFold.renewed]
			f.addNewest(row)
		}
	}
	return rows, nil
}

func (f *accountFold) addNewest(row accountRow) {
	key := newestKeyOf(row.Tenant)
	f.newest[key] = f.newest[key].merge(row)
}
