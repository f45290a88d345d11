package stream

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The events of a stream of notices.
const (
	// NoticeEvent tells a user that it has lost access; its payload is {"user_id":"…"}.
	NoticeEvent = domain.NoticeAccessRemoved
	// BoardClosedEvent tells a user that dashboards it stays on were closed for clients; its payload is
	// {"user_id":"…","sub_account_ids":["…"]}.
	BoardClosedEvent = domain.NoticeBoardClosed
	// NoticeCursorEvent tells where a stream begins, so that a client that is cut before its first notice has
	// an id to come back with. Frontends do not listen for it.
	NoticeCursorEvent = "notice_cursor"
)

// Notice is one row of access_notices: what the record of that version means for a user. There is at
// most one for each record and user.
type Notice struct {
	ParentAccount string
	Version       int64
	UserID        string
	Time          time.Time // the record's
	Kind          string    // the event's name
	SubAccounts   []string  // the dashboards that were closed; none where access was removed
}

// AccessRemoved tells a user that it has lost access to a dashboard.
type AccessRemoved struct {
	UserID string `json:"user_id"` // who lost access to at least one dashboard: 24 hex digits
}

// BoardClosed tells a user which dashboards were closed for clients.
type BoardClosed struct {
	UserID      string   `json:"user_id"`         // who is on their lists: 24 hex digits
	SubAccounts []string `json:"sub_account_ids"` // whose dashboards the agency closed for clients
}

// event has an id that follows from the log alone, so that it is the same after a rebuild and a restore.
func (n Notice) event() event {
	e := event{name: n.Kind, id: FormatID(n.ParentAccount, n.Version), data: AccessRemoved{n.UserID}, version: n.Version}
	if n.Kind == BoardClosedEvent {
		e.data = BoardClosed{n.UserID, n.SubAccounts}
	}
	return e
}

func placeEvent(parent string, version int64) event {
	return event{name: NoticeCursorEvent, id: FormatID(parent, version), data: map[string]any{}}
}

// FormatID makes the id of a notice, "<parent>.<version>", which is also the form of a cursor.
func FormatID(parent string, version int64) string {
	return parent + "." + strconv.FormatInt(version, 10)
}

// ParseID takes an id apart; ok is false when it is not one.
func ParseID(id string) (parent string, version int64, ok bool) {
	text, number, found := strings.Cut(id, ".")
	parent, isHex := domain.HexID(text)
	version, err := strconv.ParseInt(number, 10, 64)
	if !found || !isHex || err != nil || version < 0 || strconv.FormatInt(version, 10) != number {
		return "", 0, false
	}
	return parent, version, true
}

// Span asks for the notices of all users of an agency that come after a place in its order, which is
// version first and then user.
type Span struct {
	ParentAccount string
	AfterVersion  int64
	// AfterUser is the last user seen of AfterVersion; [allUsers] when the version is done.
	AfterUser string
}

// allUsers stands behind every user id in order, in every collation: ids are hexadecimal.
const allUsers = "g"

// Cursor says up to which version of its agency a user has been told.
type Cursor struct {
	ParentAccount string
	UserID        string
	Version       int64
}

// Store reads access_notices and keeps the cursors of schema `kept`. Notices older than notBefore are not
// returned: they are out of retention.
type Store interface {
	// Scan returns at most limit notices of the spans, ordered by parent account, version and user: ten
	// thousand idle connections may not be ten thousand queries.
	Scan(ctx context.Context, spans []Span, notBefore time.Time, limit int) ([]Notice, error)
	// Since returns the first limit notices of the user after the cursor, ordered by version.
	Since(ctx context.Context, after Cursor, notBefore time.Time, limit int) ([]Notice, error)
	// Head returns the version of the agency's last folded record, 0 before the first.
	Head(ctx context.Context, parent string) (int64, error)
	// Cursor returns the stored cursor of a user, and false when there is none.
	Cursor(ctx context.Context, parent, user string) (version int64, found bool, err error)
	// ConnectionNews returns what befell connections of agencies after an instant and until another.
	ConnectionNews(ctx context.Context, parents []string, after, until time.Time) ([]ConnectionNews, error)
	// SaveCursors stores cursors; one never moves backwards.
	SaveCursors(ctx context.Context, cursors []Cursor) error
}
