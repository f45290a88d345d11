package history

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// History answers queries of auditors: who changed which dashboard and when, what the state of a
// dashboard was at an instant, and who had access. The log contains only ids. Names come from the
// agency's current directory, and are null for those who were erased or have left the agency.
type History struct {
	Pool *pgxpool.Pool // can be read-only
	// PageBytes limits the stored size of the documents on a page; 0 means 8 MiB. Lists of users
	// can be long and every entry has two documents, so without a limit, a page could take
	// gigabytes.
	PageBytes int64
}

// Named is a person or an account, with the current name in the agency's directory.
type Named struct {
	ID   string  `json:"id"`
	Name *string `json:"name"` // null if erased or not in this agency
}

// Record says who decided a change, when, and in which record of the log.
type Record struct {
	Version    int64     `json:"version"`      // version of the agency's stream
	Time       time.Time `json:"time"`         // UTC; strictly increases with `version`
	Type       string    `json:"type"`         // for example dashboard.accounts_linked.v1
	Actor      Named     `json:"actor"`        // who made the change
	Role       string    `json:"role"`         // the role that permitted it
	OnBehalfOf *Named    `json:"on_behalf_of"` // null if the actor acted for no one else
	CommandID  string    `json:"command_id"`
	RequestID  string    `json:"request_id"`
	EventID    string    `json:"event_id"`
	Hash       string    `json:"hash"` // hash of the record, SHA-256 in hex
}

// HistoryEntry is the effect of one record on one dashboard, or an operator's skip of a record.
type HistoryEntry struct {
	Record

	Dashboard *Named          `json:"dashboard"` // the sub-account; null for a skip
	Before    *DashboardState `json:"before"`    // null if the record created the dashboard, or for a skip
	After     *DashboardState `json:"after"`     // null for a skip
	Changes   Differences     `json:"changes"`
	// users who gained or lost access to the dashboard or to scopes of it because of the record
	Access AccessEffect `json:"access"`
	// Skip says which record of the stream an operator skipped because it was unreadable, and why.
	// The skipped record has no entry. Only in entries of type operator.parked_skipped.v1.
	Skip *domain.ParkedSkipped `json:"skip,omitempty"`
}

// AccessEffect says for which users a record changed the access to a dashboard. The records do not
// say to which account a user belonged or whether the user was active; this comes from the current
// directory. Active staff of the agency are excluded: they can open every dashboard because of
// their role.
type AccessEffect struct {
	Gained []Named `json:"gained"` // users with access after the record, but not before
	Lost   []Named `json:"lost"`   // users with access before the record, but not after
	// ScopesChanged are users with access before and after the record who gained or lost the scopes
	// in `changes`. Empty if `changes` contains no scopes.
	ScopesChanged []Named `json:"scopes_changed"`
	// CannotOpen are the users in the three lists who cannot open the dashboard in spite of the list:
	// they are inactive today, or their account is not one of the dashboard's accounts in the record.
	CannotOpen []Named `json:"cannot_open"`
}

// DashboardState is the document in the log, with names next to the ids.
type DashboardState struct {
	ID                   string    `json:"id"`
	SubAccountID         string    `json:"sub_account_id"`
	ParentAccount        string    `json:"parent_account"`
	SubAccountIDs        []Named   `json:"sub_account_ids"`
	Users                []Named   `json:"users"`    // users on the list
	MainPOC              []Named   `json:"main_poc"` // points of contact at the agency
	AllowClientDashboard bool      `json:"allow_client_dashboard"`
	Scopes               []string  `json:"scopes"`
	CreatedAt            time.Time `json:"created_at"`
	UpdatedAt            time.Time `json:"updated_at"`
}

// Differences are the changes between two states of one dashboard.
type Differences struct {
	Created              bool     `json:"created"` // whether there was no dashboard before
	AccountsLinked       []Named  `json:"accounts_linked"`
	AccountsUnlinked     []Named  `json:"accounts_unlinked"`
	UsersAdded           []Named  `json:"users_added"`
	UsersRemoved         []Named  `json:"users_removed"`
	ScopesAdded          []string `json:"scopes_added"`
	ScopesRemoved        []string `json:"scopes_removed"`
	MainPOCAdded         []Named  `json:"main_poc_added"`
	MainPOCRemoved       []Named  `json:"main_poc_removed"`
	AllowClientDashboard *Flip    `json:"allow_client_dashboard"` // null if unchanged
}

// Flip is a flag before and after.
type Flip struct {
	Before bool `json:"before"`
	After  bool `json:"after"`
}

// StreamPosition is the position of a response: it includes everything in the agency's stream up to
// a version.
type StreamPosition struct {
	Version int64      `json:"version"`
	Time    *time.Time `json:"time"` // time of the last change up to the version; null if there was none
}

// HistoryMeta describes the data of a response to an auditor.
type HistoryMeta struct {
	AsOf StreamPosition `json:"as_of"`
	// Incomplete says why newer records of the stream are not shown; absent if all are shown.
	Incomplete string `json:"incomplete,omitempty"`
	// LeftOut is the number of records of the stream that are unreadable and were skipped by an
	// operator. They have versions but no entries. An entry of type operator.parked_skipped.v1 in
	// the agency's history says who skipped each record, and why. Absent instead of 0.
	LeftOut int64 `json:"left_out,omitempty"`
	// NamesProven is always false: the log contains only ids, and their names come from the current
	// directory.
	NamesProven bool `json:"names_proven"`
	// NextCursor is the cursor of the next page; absent on the last page. A page of a filtered
	// history can have fewer entries than the limit and still have a next page.
	NextCursor string `json:"next_cursor,omitempty"`
}

// EntriesMeta describes a page of entries.
type EntriesMeta struct {
	HistoryMeta

	// NextAt is when the first matching entry at or after `to` was recorded. Only on the first page
	// of a history in descending order. Absent if no entry matches (with filters, among the next
	// 20,000 entries).
	NextAt *time.Time `json:"next_at,omitempty"`
}

// IncludedVersion returns the version of the stream up to which the response is complete.
func (m HistoryMeta) IncludedVersion() int64 { return m.AsOf.Version }

// HistoryQuery selects entries of one dashboard or of all dashboards of an agency. Empty filters
// match everything.
type HistoryQuery struct {
	ParentAccount string
	Dashboard     string   // sub-account
	Types         []string // event types
	Actor         string   // id, or part of the name
	User          string   // user whose access the entry changed; id, or part of the name
	Account       string   // account that the entry linked or unlinked
	// part of the name of the actor, of a user whose access changed, or of the sub-account
	Named     string
	From, To  *time.Time
	Ascending bool // otherwise newest first
	Limit     int
	Cursor    string // from [HistoryMeta].NextCursor
}

// answerHistory reads a response about one dashboard or all dashboards of an agency in one
// snapshot. what names the response in errors.
func answerHistory[A any](
	ctx context.Context, h *History, what, parent, dashboard string, read func(pgx.Tx, *HistoryMeta) (A, error),
) (answer A, meta HistoryMeta, err error) {
	err = pg.Snapshot(ctx, h.Pool, func(tx pgx.Tx) (err error) {
		if meta, err = readStream(ctx, tx, parent); err != nil {
			return err
		}
		if err := checkDashboard(ctx, tx, parent, dashboard); err != nil {
			return err
		}
		answer, err = read(tx, &meta)
		return err
	})
	if err != nil {
		var zero A
		return zero, HistoryMeta{}, fmt.Errorf("read %s of dashboard %q of agency %s: %w", what, dashboard, parent, err)
	}
	return answer, meta, nil
}

func readStream(ctx context.Context, tx pgx.Tx, parent string) (m HistoryMeta, err error) {
	if m.AsOf, err = positionAt(ctx, tx, parent, Moment{}); err != nil {
		return m, err
	}
	var parked int64
	err = tx.QueryRow(ctx, `
		select count(*) filter (where state = 'parked'), count(*) filter (where state <> 'parked')
		from dashboards_parked where stream_key = $1`, parent).Scan(&parked, &m.LeftOut)
	switch {
	case parked == 1:
		m.Incomplete = "1 record of this stream is parked and waits for an operator; " +
			"it is in the log but not shown here"
	case parked > 1:
		m.Incomplete = fmt.Sprintf("%d records of this stream are parked and wait for an operator; "+
			"they are in the log but not shown here", parked)
	}
	return m, pg.Wrap("read parked records", err)
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
