package proof

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Tables is the read model of `dashboards` at one moment: everything is read from one snapshot. Lists
// come through yield, whose error ends them; they are ordered by agency, then as each method says.
// A parent of "" means all agencies.
type Tables interface {
	// Positions returns the offsets that the tables stand at, by partition.
	Positions(ctx context.Context) (map[int32]int64, error)
	Heads(ctx context.Context, parent string, yield func(TableHead) error) error
	// History is ordered by version and sub-account, for versions in [from, to].
	History(ctx context.Context, parent string, from, to int64, yield func(HistoryRow) error) error
	// Preferences is ordered by sub-account.
	Preferences(ctx context.Context, parent string, yield func(domain.Dashboard) error) error
	// Notices is ordered by version and user.
	Notices(ctx context.Context, parent string, yield func(NoticeRow) error) error
	// Commands is ordered by version. Only those of the last [domain.CommandMemory] of an agency's record time are
	// there.
	Commands(ctx context.Context, parent string, yield func(CommandRow) error) error
	// Parked returns the records that are set aside: the tables have nothing of them.
	Parked(ctx context.Context) ([]ParkedRow, error)
}

// CommandRow is what is remembered of a command, for repeated requests.
type CommandRow struct {
	Parent, Subject, Key     string
	CommandID, RequestDigest string
	SubAccount               string
	Version                  int64
	Time                     time.Time
}

// ParkedRow is a record of a stream that the tables set aside.
type ParkedRow struct {
	Parent    string
	Partition int32
	Offset    int64
	Skipped   bool // for good, by an operator; else it waits for one
}

// TableHead is the end of a stream as the tables have it.
type TableHead struct {
	Parent  string
	Version int64
	Hash    []byte
	Time    time.Time
}

// HistoryRow is one row of the history: one dashboard before and after one record.
type HistoryRow struct {
	Parent, SubAccount      string
	Version                 int64
	EventID, EventType      string
	Time                    time.Time
	Actor, Role, OnBehalfOf string
	CommandID, RequestID    string
	Hash                    []byte
	Before                  *domain.Dashboard // nil: the record created it
	After                   domain.Dashboard
}

// NoticeRow is one user who lost access by one record.
type NoticeRow struct {
	Parent  string
	Version int64
	User    string
	Time    time.Time
}
