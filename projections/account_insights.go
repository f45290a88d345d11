package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// AccountInsights projects account readings into tSAccountIns and the roll-ups account_months and
// account_newest.
// Both are functions of the set of readings, whatever the order of their arrival: of two readings of
// one instant the one with the smaller event id counts, and a day keeps its latest reading.
type AccountInsights struct{}

// Name implements [Projector].
func (AccountInsights) Name() string { return "account_insights" }

// Version implements [Projector].
func (AccountInsights) Version() int { return 4 + ahead }

// Topic implements [Projector].
func (AccountInsights) Topic() string { return domain.TopicMetrics }

// Tables implements [Projector].
func (AccountInsights) Tables() []string {
	return []string{"tSAccountIns", "account_months", "account_newest"}
}

// Types implements [Projector].
func (AccountInsights) Types() []string { return []string{domain.AccountRead{}.EventType()} }

// Definition implements [Projector].
func (p AccountInsights) Definition() ddl.Definition { return ddl.All()[p.Name()] }

// Begin implements [Projector].
func (AccountInsights) Begin(int) Fold {
	return &accountFold{readings: map[readingKey]accountRow{}, months: monthFold{}, newest: map[newestKey]accountRow{}}
}

type readingKey struct {
	account int64
	at      time.Time
}

type accountRow struct {
	domain.AccountRead
	eventID                        string
	columns                        map[string]int64
	figures, missing, demographics []byte
}

type accountFold struct {
	readings map[readingKey]accountRow
	months   monthFold
	newest   map[newestKey]accountRow
}

// newestKey is a social account as one tenant has it.
type newestKey struct {
	account     int64
	parent, sub string
}

// Load implements [Fold]: the conditions in the statements decide, nothing need be read.
func (*accountFold) Load(context.Context, pgx.Tx, []Event) error { return nil }

// Apply implements [Fold].
func (f *accountFold) Apply(ev Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	read, ok := ev.Data.(domain.AccountRead)
	if !ok {
		return errMisplaced(ev)
	}
	read.CapturedAt = instant(read.CapturedAt)
	row, err := newAccountRow(read, ev.Envelope.ID)
	if err != nil {
		return &ParkError{ReasonRefused, err.Error()}
	}
	key := readingKey{read.SocialAccount, read.CapturedAt}
	if present, ok := f.readings[key]; !ok || row.eventID < present.eventID {
		f.readings[key] = row
	}
	tenant := newestKey{read.SocialAccount, read.ParentAccount, read.AccountID}
	if present, ok := f.newest[tenant]; !ok || later(read.CapturedAt, row.eventID, present.CapturedAt, present.eventID) {
		f.newest[tenant] = row
	}
	f.months.add(&read, ev.Envelope.ID)
	return nil
}

func newAccountRow(read domain.AccountRead, eventID string) (accountRow, error) {
	row := accountRow{AccountRead: read, eventID: eventID, columns: map[string]int64{}}
	newest := map[string]string{}
	for _, figure := range read.Figures {
		if day, seen := newest[figure.Name]; !seen || figure.Day > day {
			newest[figure.Name], row.columns[figure.Name] = figure.Day, figure.Value
		}
	}
	var err error
	if row.figures, err = jsonArray(read.Figures); err != nil {
		return row, err
	}
	if row.missing, err = jsonArray(read.Missing); err != nil {
		return row, err
	}
	row.demographics, err = jsonArray(read.Demographics)
	return row, err
}

// jsonArray encodes a list, nil as an empty one.
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

// figureColumns are the figures that have a column of their own in tSAccountIns.
var figureColumns = []string{
	domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricViews, domain.MetricReach,
	domain.MetricPosts, domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricClicks,
}

var accountReadings = newTable("tSAccountIns",
	`social_account_id bigint, captured_at timestamptz, event_id text, parent_account text, account_id text, member_id bigint,
	 p_id smallint, a_type smallint, backfilled boolean, figures jsonb, missing jsonb, demographics jsonb,
	 `+strings.Join(figureColumns, " bigint, ")+" bigint",
	replaceRow("social_account_id, captured_at", " where "+smallerID("tSAccountIns")),
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

var accountNewest = newTable("account_newest",
	`social_account_id bigint, parent_account text, account_id text, captured_at timestamptz, event_id text, metrics text[], missing jsonb`,
	replaceRow("social_account_id, parent_account, account_id", laterSQL("account_newest")),
	func(r accountRow) []any {
		return []any{
			r.SocialAccount, r.ParentAccount, r.AccountID, r.CapturedAt, r.eventID,
			jsonList(slices.Sorted(maps.Keys(r.columns))), r.missing,
		}
	})

// Write implements [Fold].
func (f *accountFold) Write(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	accountReadings.queue(&batch, slices.Collect(maps.Values(f.readings)))
	f.months.queue(&batch)
	accountNewest.queue(&batch, slices.Collect(maps.Values(f.newest)))
	if err := send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("store account readings: %w", err)
	}
	return nil
}
