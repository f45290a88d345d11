package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// truth is what the log says: the lists of users of each board by version, and who was to be told what.
type truth struct {
	found   []string                      // what is wrong
	boards  map[string]map[int64][]string // by board, then by the version that made the list
	owed    map[string][]int64            // by user: the versions of the notices
	records map[string]int64              // by trace: the version
}

func newTruth() *truth {
	return &truth{boards: map[string]map[int64][]string{}, owed: map[string][]int64{}, records: map[string]int64{}}
}

// opened is the event of a dashboard that a GET has made.
const opened = "dashboard.opened.v1"

// judge folds the streams of these agencies by the requests of the clients: it finds records without a request, lost and doubled ones.
func (j *journal) judge(ctx context.Context, log *eventlog.Log, world []agency) (*truth, error) {
	streams, err := effective(ctx, log)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	by := map[string]*command{}
	for _, c := range j.commands {
		for _, a := range c.attempts {
			by[a.trace] = c
		}
	}
	t := newTruth()
	for _, a := range world {
		t.fold(a.id, streams[a.id], by)
	}
	for _, c := range j.commands {
		t.hold(c)
	}
	for _, s := range j.seen {
		if made, ok := t.boards[s.board][s.version]; !ok || !slices.Equal(made, s.users) {
			t.findf("a read of %s showed version %d with %v; the log has %v (known: %t)", s.board, s.version, s.users, made, ok)
		}
	}
	t.found = append(t.found, j.strange...)
	return t, nil
}

func (t *truth) findf(format string, args ...any) {
	t.found = append(t.found, fmt.Sprintf(format, args...))
}

// fold goes through the effective records of an agency.
func (t *truth) fold(agency string, records []eventlog.Record, by map[string]*command) {
	now := map[string][]string{}
	for i, r := range records {
		version := int64(i + 1)
		trace := traceOf(r)
		if r.Header("ce_type") == opened {
			var made struct {
				Board string `json:"primary"`
			}
			if err := json.Unmarshal(r.Value, &made); err != nil {
				t.findf("version %d of %s cannot be read: %s", version, agency, err)
			}
			t.set(made.Board, version, []string{})
			now[made.Board] = nil
			continue
		}
		c := by[trace]
		if c == nil || c.agency != agency {
			t.findf("nobody has asked for version %d of %s: %s, trace %s", version, agency, r.Header("ce_type"), trace)
			continue
		}
		if before, twice := t.records[trace]; twice {
			t.findf("doubled: one request of %s is version %d and version %d", c.key, before, version)
		}
		t.records[trace] = version
		for _, user := range now[c.board] {
			if !slices.Contains(c.users, user) {
				t.owed[user] = append(t.owed[user], version)
			}
		}
		now[c.board] = c.users
		t.set(c.board, version, c.users)
	}
}

func (t *truth) set(board string, version int64, users []string) {
	if t.boards[board] == nil {
		t.boards[board] = map[int64][]string{}
	}
	t.boards[board][version] = users
}

func (t *truth) newest(board string) (version int64, users []string) {
	for v, u := range t.boards[board] {
		if v > version {
			version, users = v, u
		}
	}
	return version, users
}

// hold compares what a client was told with the log.
func (t *truth) hold(c *command) {
	var recorded []*attempt
	for _, a := range c.attempts {
		version, there := t.records[a.trace]
		if !there {
			continue
		}
		recorded = append(recorded, a)
		if a.refused() {
			t.findf("%s was refused by %s with %d (%s), and is version %d", c.key, a.at, a.status, a.message, version)
		}
	}
	switch {
	case len(recorded) > 1:
		t.findf("doubled: %s has %d effective records", c.key, len(recorded))
	case c.acknowledged != nil && len(recorded) == 0:
		t.findf("lost: %s was acknowledged by %s as version %d, and no record is of it", c.key, c.acknowledged.at, c.acknowledged.version)
	case c.acknowledged != nil && c.acknowledged.version != t.records[recorded[0].trace]:
		t.findf("%s was acknowledged by %s as version %d, and is version %d", c.key, c.acknowledged.at, c.acknowledged.version, t.records[recorded[0].trace])
	}
}

// effective are the records of each agency that count, in their order.
func effective(ctx context.Context, log *eventlog.Log) (map[string][]eventlog.Record, error) {
	var mu sync.Mutex
	streams, heads := map[string][]eventlog.Record{}, map[string]domain.StreamHead{}
	partitions, _, err := log.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return nil, err
	}
	var broken error
	err = log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicDashboards, Handle: func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range run.Records {
			verdict, next, reason := eventlog.Judge(heads[string(r.Key)], r, int32(len(partitions)))
			switch verdict {
			case eventlog.Effective:
				heads[string(r.Key)] = next
				streams[string(r.Key)] = append(streams[string(r.Key)], r)
			case eventlog.Broken:
				broken = fmt.Errorf("the chain of %s is broken at %d: %s", r.Key, r.Offset, reason)
			case eventlog.Stale, eventlog.Invalid: // count for nothing
			}
		}
		return broken
	}})
	return streams, err
}

func traceOf(r eventlog.Record) string {
	parts := strings.Split(r.Header("ce_traceparent"), "-")
	if len(parts) != 4 {
		return ""
	}
	return parts[1]
}
