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
	// NoticeEvent reports that a user has lost access. Its payload is {"user_id":"…"}.
	NoticeEvent = domain.NoticeAccessRemoved
	// BoardClosedEvent reports that dashboards whose lists contain the user were closed for
	// clients. Its payload is {"user_id":"…","sub_account_ids":["…"]}.
	BoardClosedEvent = domain.NoticeBoardClosed
	// NoticeCursorEvent contains the start position of a stream, so that a client disconnected
	// before its first notice can resume. Its payload is [NoticeCursor].
	NoticeCursorEvent = "notice_cursor"
)

// Notice is one row of access_notices: what the record of that version means for a user. There is
// at most one per record and user.
type Notice struct {
	ParentAccount string
	Version       int64
	UserID        string
	Time          time.Time // time of the record
	Kind          string    // name of the event
	SubAccounts   []string  // the closed dashboards; empty if access was removed
}

// AccessRemoved reports that a user has lost access to a dashboard.
type AccessRemoved struct {
	UserID string `json:"user_id"` // user who lost access to at least one dashboard: 24 hex digits
}

// BoardClosed reports that dashboards were closed for clients.
type BoardClosed struct {
	UserID      string   `json:"user_id"`         // user on the lists of the dashboards: 24 hex digits
	SubAccounts []string `json:"sub_account_ids"` // dashboards that the agency closed for clients
}

// NoticeCursor starts a stream of notices.
type NoticeCursor struct {
	// All is true if the log was restored to a state before the client's cursor. The notices in
	// between are unknown: read everything again.
	All bool `json:"all"`
}

// event returns the event of a notice. Its id depends only on the log, so it is the same after a
// rebuild or restore.
func (n Notice) event() event {
	id := FormatID(n.ParentAccount, n.Version)
	e := event{name: n.Kind, id: id, data: AccessRemoved{n.UserID}, version: n.Version}
	if n.Kind == BoardClosedEvent {
		e.data = BoardClosed{n.UserID, n.SubAccounts}
	}
	return e
}

// FormatID returns the id of a notice, "<parent>.<version>", which is also the format of a cursor.
func FormatID(parent string, version int64) string {
	return parent + "." + strconv.FormatInt(version, 10)
}

// ParseID splits an id; ok is false if the id is invalid.
func ParseID(id string) (parent string, version int64, ok bool) {
	text, number, found := strings.Cut(id, ".")
	parent, isHex := domain.HexID(text)
	version, err := strconv.ParseInt(number, 10, 64)
	if !found || !isHex || err != nil || version < 0 || strconv.FormatInt(version, 10) != number {
		return "", 0, false
	}
	return parent, version, true
}

// Cursor is the version of the agency up to which a user has received notices.
type Cursor struct {
	ParentAccount string
	UserID        string
	Version       int64
}

// Store reads access_notices and stores cursors in schema `kept`. It omits notices older than
// notBefore, which have exceeded their retention.
type Store interface {
	// Since returns the first limit notices of the user after the cursor, ordered by version.
	Since(ctx context.Context, after Cursor, notBefore time.Time, limit int) ([]Notice, error)
	// Heads returns the version of each agency's last folded record. Agencies without records are
	// absent.
	Heads(ctx context.Context, parents []string) (map[string]int64, error)
	// Cursor returns the stored cursor of a user, or false if the user has no cursor.
	Cursor(ctx context.Context, parent, user string) (version int64, found bool, err error)
	// ConnectionNews returns the connection events of agencies after one time and up to another.
	ConnectionNews(ctx context.Context, parents []string, after, until time.Time) ([]ConnectionNews, error)
	// SaveCursors stores cursors. A cursor never moves backward.
	SaveCursors(ctx context.Context, cursors []Cursor) error
}
