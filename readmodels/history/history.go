package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// History answers queries of auditors: who changed which dashboard and when, what the state of a
// dashboard was at an instant, and who had access. The log contains only ids. Names come from the
// agency's current directory, and are null for those who were erased or have left the agency.
type History struct {
	Pool *pgxpool.Pool // can be read-only
	// PageIDs limits the users and accounts in the states on a page; 0 means 150,000. Lists of users
	// can be long, so without a limit, a page could take gigabytes.
	PageIDs int64
}

// Query says what an auditor asks for. Empty filters match everything. Each method says which
// members it uses in addition to ParentAccount.
type Query struct {
	ParentAccount string
	Dashboard     string   // sub-account
	Types         []string // event types
	Actor         string   // id, or part of the name
	User          string   // id; for entries also part of the name
	Account       string   // account that an entry linked or unlinked
	// part of the name of the actor, of a user whose access changed, or of the sub-account
	Named     string
	At        Moment
	From, To  Moment // zero: no bound
	Ascending bool   // entries: otherwise newest first
	ByUser    bool   // access: order by user and then dashboard; otherwise by dashboard and then user
	Limit     int
	Cursor    string // from [HistoryMeta].NextCursor
}

// pageKey is the position of an entry in a list, within the prefix of the stream that the first page
// used.
type pageKey struct {
	Until     int64  `json:"u"` // version
	Version   int64  `json:"v"` // of the change, or of the beginning of the span; 0 for the first page
	Dashboard string `json:"d"` // sub-account; empty for a skip
	User      string `json:"p"` // of a span
}

// cursors returns the scope of the cursors of a list, which belong to one query.
func (q Query) cursors(list string) readmodels.CursorScope {
	q.Limit, q.Cursor = 0, ""
	return readmodels.CursorScope{List: list, Scope: readmodels.Scope{ParentAccount: q.ParentAccount}, Filters: q}
}

func (q Query) cursor(list string, last pageKey) (string, error) {
	return readmodels.EncodeCursor(q.cursors(list), last)
}

// Named is a person or an account, with the current name in the agency's directory.
type Named struct {
	ID   string  `json:"id"`   // id, 24 hex digits
	Name *string `json:"name"` // name, as in the directory. Null if erased or not in this agency.
}

// Record says who decided a change, when, and in which record of the log.
type Record struct {
	Version int64     `json:"version"` // version of the agency's stream
	Time    time.Time `json:"time"`    // UTC; strictly increases with `version`
	Type    string    `json:"type"`    // for example dashboard.accounts_linked.v1
	Actor   Named     `json:"actor"`   // who made the change
	Role    string    `json:"role"`    // the role that permitted it
	// The user on whose behalf the actor acted. Null if the actor acted for no one else.
	OnBehalfOf *Named `json:"on_behalf_of"`
	CommandID  string `json:"command_id"` // id of the command; also its idempotency key
	// Id that the service assigned to the request; also in the X-Request-Id header of its response.
	RequestID string `json:"request_id"`
	EventID   string `json:"event_id"` // id of the event in the log
	Hash      string `json:"hash"`     // hash of the record, SHA-256 in hex
}

// StreamPosition is the position of a response: it includes everything in the agency's stream up to
// a version.
type StreamPosition struct {
	Version int64      `json:"version"` // version of the agency's stream of changes; 0 before the first change
	Time    *time.Time `json:"time"`    // time of the last change up to the version; null if there was none
}

// HistoryMeta describes the data of a response to an auditor.
type HistoryMeta struct {
	AsOf StreamPosition `json:"as_of"` // the position in the agency's stream up to which the response is complete
	// Incomplete says why newer records of the stream are not shown; absent if all are shown.
	Incomplete string `json:"incomplete,omitempty"`
	// LeftOut is the number of records of the stream that could not be folded and were skipped by an
	// operator. They have versions but no entries. An entry of type dashboard.event_skipped.v1 in
	// the agency's history says who skipped each record, and why. Absent instead of 0.
	LeftOut int64 `json:"left_out,omitempty"`
	// NamesProven is always false: the log contains only ids, and their names come from the current
	// directory.
	NamesProven bool `json:"names_proven"`
	// NextCursor is the cursor of the next page; absent on the last page. A page of a filtered
	// history can have fewer entries than the limit and still have a next page.
	NextCursor string `json:"next_cursor,omitempty"`
}

// IncludedVersion returns the version of the stream up to which the response is complete.
func (h HistoryMeta) IncludedVersion() int64 { return h.AsOf.Version }

// answer reads a response about one dashboard or all dashboards of an agency in one snapshot. what
// names the response in errors and cursors.
func answer[A any](
	ctx context.Context, h *History, what string, q Query, read func(pgx.Tx, *HistoryMeta, pageKey) (A, error),
) (a A, meta HistoryMeta, err error) {
	after, err := readmodels.DecodeCursor[pageKey](q.Cursor, q.cursors(what))
	if err != nil {
		return a, meta, err
	}
	if after == nil {
		after = &pageKey{}
	}
	err = pg.Snapshot(ctx, h.Pool, func(tx pgx.Tx) (err error) {
		if meta, err = readStream(ctx, tx, q.ParentAccount, after.Until); err != nil {
			return err
		}
		if err := checkDashboard(ctx, tx, q.ParentAccount, q.Dashboard); err != nil {
			return err
		}
		a, err = read(tx, &meta, *after)
		return err
	})
	if err != nil {
		var none A
		return none, HistoryMeta{}, fmt.Errorf("read %s of dashboard %q of agency %s: %w", what, q.Dashboard, q.ParentAccount, err)
	}
	return a, meta, nil
}

// readStream describes the stream up to a version, or up to its head if until is 0.
func readStream(ctx context.Context, tx pgx.Tx, parent string, until int64) (m HistoryMeta, err error) {
	if m.AsOf, err = positionAt(ctx, tx, parent, Moment{Version: until}); err != nil {
		return m, err
	}
	var stopped bool
	var waiting int64
	err = tx.QueryRow(ctx, `
		select s.stopped_at is not null, coalesce(s.version - s.stopped_at + 1, 0),
		       (select count(distinct skip ->> 'version') from dashboard_history
		        where parent_account = $1 and sub_account_id = '')
		from (select) one left join dashboards_streams s on s.stream_key = $1`, parent).Scan(&stopped, &waiting, &m.LeftOut)
	switch {
	case stopped && waiting == 0: // the event that follows the head breaks the chain
		m.Incomplete = "The chain of this stream is broken: the record after the last one that is shown does not fit, and it and " +
			"all later records, an unknown number, are in the log but not shown here. An operator must restore the log"
	case waiting == 1:
		m.Incomplete = "1 record of this stream could not be processed and waits for an operator; " +
			"it is in the log but not shown here"
	case waiting > 1:
		m.Incomplete = fmt.Sprintf("%d records of this stream are in the log but not shown here: "+
			"the first could not be processed and waits for an operator, the others wait for it", waiting)
	}
	return m, pg.Wrap("look for records that are not shown", err)
}

// checkDashboard returns [domain.ErrDashboardNotFound] for a dashboard without history in the
// agency. It does not use the directory, because erased accounts keep their history.
func checkDashboard(ctx context.Context, tx pgx.Tx, parent, dashboard string) error {
	if dashboard == "" {
		return nil
	}
	known, err := pg.ScanOptional(tx.QueryRow(ctx, `
		select from dashboard_history where parent_account = $1 and sub_account_id = $2 limit 1`, parent, dashboard),
		"look for dashboard")
	if err == nil && !known {
		return domain.ErrDashboardNotFound
	}
	return err
}

// recordColumns are the columns of a [Record] in a row h of dashboard_history.
var recordColumns = "h.version, h.time, h.event_type, h.actor, " + nameOf("h.actor") +
	", h.role, nullif(h.on_behalf_of, ''), " + nameOf("h.on_behalf_of") +
	", h.command_id, h.request_id, h.event_id, encode(h.hash, 'hex')"

// nameOf returns an expression for the current name of a person in the directory of the agency of
// row h.
func nameOf(user string) string {
	return `(select u.name from users u join accounts a on a.id = u.account_id
		where u.id = ` + user + ` and h.parent_account in (a.id, a.parent_account))`
}

// accountNameOf returns an expression for the current name of an account in that directory.
func accountNameOf(account string) string {
	return "(select a.name from accounts a where a.id = " + account + " and h.parent_account in (a.id, a.parent_account))"
}

// scanRecord scans a record and the columns that follow it.
func scanRecord(row pgx.Row, more ...any) (r Record, err error) {
	var onBehalfOf *string
	var name *string
	err = row.Scan(append([]any{
		&r.Version, &r.Time, &r.Type, &r.Actor.ID, &r.Actor.Name, &r.Role, &onBehalfOf, &name, &r.CommandID,
		&r.RequestID, &r.EventID, &r.Hash,
	}, more...)...)
	if onBehalfOf != nil {
		r.OnBehalfOf = &Named{*onBehalfOf, name}
	}
	return r, err
}

// readRecords returns the records with the given versions.
func readRecords(ctx context.Context, tx pgx.Tx, parent string, versions []int64) (map[int64]Record, error) {
	slices.Sort(versions)
	scan := func(row pgx.CollectableRow) (Record, error) { return scanRecord(row) }
	list, err := pg.List(ctx, tx, "read deciding records", scan, `
		select `+recordColumns+` from unnest($2::bigint[]) as k(version) cross join lateral (
			select * from dashboard_history
			where parent_account = $1 and version = k.version limit 1) h`, parent, slices.Compact(versions))
	records := make(map[int64]Record, len(list))
	for _, r := range list {
		records[r.Version] = r
	}
	return records, err
}
