package notices

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EventName is what a listener hears; its payload is {"user_id":"…"}.
const EventName = "client_access_removed"

// Notice is one row of access_notices: a user lost access by the record of that version. There is at
// most one for each record and user.
type Notice struct {
	ParentAccount string
	Version       int64
	UserID        string
	Time          time.Time // the record's
}

// ID is the notice's id on every channel. It follows from the log alone, so that it is the same after
// a rebuild and a restore.
func (n Notice) ID() string { return FormatID(n.ParentAccount, n.Version) }

// FormatID makes the id "<parent>.<version>", which is also the form of a cursor.
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

// Subscriber is a verified listener; it hears the notices of UserID at ParentAccount and no others.
type Subscriber struct {
	ParentAccount string
	UserID        string
	AccountID     string    // the account of its token, for [Config].Allowed
	ExpiresAt     time.Time // its connection is cut then; zero: never
}

// Span asks for the notices of all users of an agency that come after a place in its order, which is
// version first and then user.
type Span struct {
	ParentAccount string
	AfterVersion  int64
	// AfterUser is the last user seen of AfterVersion; [AllUsers] when the version is done.
	AfterUser string
}

// AllUsers stands behind every user id in order, in every collation: ids are hexadecimal.
const AllUsers = "g"

// Position asks for the notices of one user after a version, and is also what a cursor says.
type Position struct {
	ParentAccount string
	UserID        string
	Version       int64
}

// Store reads access_notices and keeps the cursors of schema `kept`. Its methods take many agencies
// or users at once, because ten thousand idle connections may not be ten thousand queries.
// Notices older than notBefore are not returned: they are out of retention.
type Store interface {
	// Scan returns at most limit notices of the spans, ordered by parent account, version and user.
	Scan(ctx context.Context, spans []Span, notBefore time.Time, limit int) ([]Notice, error)
	// Since returns the first limit notices of each position, ordered by parent account, user and version.
	Since(ctx context.Context, positions []Position, notBefore time.Time, limit int) ([]Notice, error)
	// Head returns the version of the agency's last folded record, 0 before the first.
	Head(ctx context.Context, parent string) (int64, error)
	// Cursor returns the stored cursor of a user, and false when there is none.
	Cursor(ctx context.Context, parent, user string) (version int64, found bool, err error)
	// SaveCursors stores cursors; one never moves backwards.
	SaveCursors(ctx context.Context, cursors []Position) error
}
