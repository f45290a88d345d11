package readmodels

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// History answers auditors: who changed which dashboard when, what a dashboard was at
// an instant, who had access. The log keeps ids only; names are as the directory of the agency holds
// them today, and null for who was erased or has left the agency.
type History struct {
	// Pool reads; a read-only one will do.
	Pool *pgxpool.Pool
	// PageBytes bounds the documents of a page, as they are stored; 0: 8 MiB. Lists of users may be long,
	// every entry holds two documents, and a page of many such would take gigabytes.
	PageBytes int64
}

// Named is a person or an account: its id, and the name that the agency's directory holds today.
type Named struct {
	ID   string  `json:"id"`
	Name *string `json:"name"` // null: erased, or not (any more) of this agency
}

// Record says who decided a change, when, and by which record of the log.
type Record struct {
	Version    int64     `json:"version"` // of the agency's stream
	Time       time.Time `json:"time"`    // UTC; grows strictly with `version`
	Type       string    `json:"type"`    // for example dashboard.accounts_linked.v1
	Actor      Named     `json:"actor"`
	Role       string    `json:"role"`         // under which it was allowed
	OnBehalfOf *Named    `json:"on_behalf_of"` // null: the actor acted for itself
	CommandID  string    `json:"command_id"`
	RequestID  string    `json:"request_id"`
	EventID    string    `json:"event_id"`
	Hash       string    `json:"hash"` // of the record, SHA-256 in hex
}

// HistoryEntry is what one record did to one dashboard.
type HistoryEntry struct {
	Record

	Dashboard Named           `json:"dashboard"` // the sub-account
	Before    *DashboardState `json:"before"`    // null: the record created the dashboard
	After     DashboardState  `json:"after"`
	Changes   Differences     `json:"changes"`
	Access    AccessEffect    `json:"access"` // who gained and who lost access to the dashboard, or scopes of it, by the record
}

// AccessEffect is whose access to a dashboard a record changed. It comes from the records of `dashboards` alone, which do not say whether
// a user was active. Staff of the agency today are left out: such users open every dashboard by their role.
type AccessEffect struct {
	Gained []Named `json:"gained"` // on the list of the open dashboard, and not before
	Lost   []Named `json:"lost"`   // taken off the list, or the dashboard was closed
	// ScopesChanged are who has access before and after, and gains and loses the scopes that `changes` names; empty where it names none.
	ScopesChanged []Named `json:"scopes_changed"`
	// InactiveToday are those of the three lists who, by the directory of today, are not active or in an account that is not.
	InactiveToday []Named `json:"inactive_today"`
}

// DashboardState is the document as the log has it, with names beside the ids.
type DashboardState struct {
	ID                   string    `json:"id"`
	SubAccountID         string    `json:"sub_account_id"`
	ParentAccount        string    `json:"parent_account"`
	SubAccountIDs        []Named   `json:"sub_account_ids"`
	Users                []Named   `json:"users"`    // on the list
	MainPOC              []Named   `json:"main_poc"` // the agency's people to turn to
	AllowClientDashboard bool      `json:"allow_client_dashboard"`
	Scopes               []string  `json:"scopes"`
	CreatedAt            time.Time `json:"created_at"`
	UpdatedAt            time.Time `json:"updated_at"`
}

// Differences is what lies between two states of one dashboard.
type Differences struct {
	Created              bool     `json:"created"` // there was no dashboard before
	AccountsLinked       []Named  `json:"accounts_linked"`
	AccountsUnlinked     []Named  `json:"accounts_unlinked"`
	UsersAdded           []Named  `json:"users_added"`
	UsersRemoved         []Named  `json:"users_removed"`
	ScopesAdded          []string `json:"scopes_added"`
	ScopesRemoved        []string `json:"scopes_removed"`
	MainPOCAdded         []Named  `json:"main_poc_added"`
	MainPOCRemoved       []Named  `json:"main_poc_removed"`
	AllowClientDashboard *Flip    `json:"allow_client_dashboard"` // null: not changed
}

// Flip is a flag before and after.
type Flip struct {
	Before bool `json:"before"`
	After  bool `json:"after"`
}

// StreamPosition is what an answer stands for: everything in the agency's stream up to a version.
type StreamPosition struct {
	Version int64      `json:"version"`
	Time    *time.Time `json:"time"` // of the last change up to there; null: there is none
}

// HistoryMeta stands beside the data of an auditor's answer.
type HistoryMeta struct {
	AsOf StreamPosition `json:"as_of"`
	// Incomplete says why newer records of the stream are not shown; absent when all are.
	Incomplete string `json:"incomplete,omitempty"`
	// LeftOut is how many records of the stream cannot be read and were left out by an operator: they have versions and no entries, as the
	// records by which that was done. Absent: none.
	LeftOut int64 `json:"left_out,omitempty"`
	// NamesProven is always false: the log holds ids alone, and the names beside them are the directory's word of today.
	NamesProven bool `json:"names_proven"`
	// NextCursor asks for the next page; absent on the last one. A page of a filtered history may be
	// shorter than its limit and yet have a next one.
	NextCursor string `json:"next_cursor,omitempty"`
}

// EntriesMeta stands beside a page of entries.
type EntriesMeta struct {
	HistoryMeta

	// BeganAt is when the first change of the agency was recorded, whatever is searched for; null: there is none.
	BeganAt *time.Time `json:"began_at"`
	// NextAt is when the first entry that matches was recorded at or after `to`, beside the first page of a history that is newest first;
	// absent when there is none (of a filtered history, among the 20,000 entries that follow).
	NextAt *time.Time `json:"next_at,omitempty"`
}

// StandsFor is the version of the stream that the answer stands for.
func (m HistoryMeta) StandsFor() int64 { return m.AsOf.Version }

// HistoryQuery asks for entries of one dashboard or of all of an agency; empty filters match all.
type HistoryQuery struct {
	ParentAccount string
	Dashboard     string   // sub-account
	Types         []string // event types
	Actor         string   // id, or part of the name
	User          string   // was added or removed by the entry; id, or part of the name
	Account       string   // was linked or unlinked by the entry
	Named         string   // part of the name of the actor, of who was added or removed, or of the sub-account
	From, To      *time.Time
	Ascending     bool // else newest first
	Limit         int
	Cursor        string // from [HistoryMeta].NextCursor
}

// answerHistory reads an answer about one dashboard, or all of an agency, in one moment of the tables. what names the
// answer in errors.
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
		var none A
		return none, HistoryMeta{}, fmt.Errorf("read %s of dashboard %q of agency %s: %w", what, dashboard, parent, err)
	}
	return answer, meta, nil
}

// readStream reads the end of the agency's stream as the history shows it, why it shows no more, and what it leaves out.
func readStream(ctx context.Context, tx pgx.Tx, parent string) (m HistoryMeta, err error) {
	if m.AsOf, err = positionAt(ctx, tx, parent, Moment{}); err != nil {
		return m, err
	}
	var parked int64
	err = tx.QueryRow(ctx, `
		select count(*) filter (where state = 'parked'), count(*) filter (where state <> 'parked') from dashboards_parked where stream_key = $1`,
		parent).Scan(&parked, &m.LeftOut)
	switch {
	case parked == 1:
		m.Incomplete = "1 record of this stream is parked and waits for an operator; it is in the log and not shown here"
	case parked > 1:
		m.Incomplete = fmt.Sprintf("%d records of this stream are parked and wait for an operator; they are in the log and not shown here", parked)
	}
	return m, wrapped("read parked records", err)
}

// checkDashboard tells a dashboard of the agency from all others. History decides, not the directory:
// what was erased there keeps its history.
func checkDashboard(ctx context.Context, tx pgx.Tx, parent, dashboard string) error {
	if dashboard == "" {
		return nil
	}
	known, err := found(tx.QueryRow(ctx, `select from dashboard_history where parent_account = $1 and sub_account_id = $2 limit 1`,
		parent, dashboard), "look for dashboard")
	if err == nil && !known {
		return domain.ErrDashboardNotFound
	}
	return err
}
