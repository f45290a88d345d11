package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// hold compares the answers to a client with the log.
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

// What the run looks for is found where it is planted.
func TestChaosVerdictDetectsPlantedFaults(t *testing.T) {
	t.Parallel()
	const agency, board = "a", "b"
	attempted := func(trace string, got answer) *attempt { return &attempt{trace: trace, answer: got} }
	yes, no, lost := answer{status: 200, version: 1}, answer{status: 503}, answer{err: errors.New("no answer")}
	for name, c := range map[string]struct {
		attempts []*attempt
		log      []string // traces of the effective records
		finding  string   // "" for none
	}{
		"acknowledged, and recorded":                  {[]*attempt{attempted("1", yes)}, []string{"1"}, ""},
		"without an answer, then acknowledged":        {[]*attempt{attempted("1", lost), attempted("2", yes)}, []string{"1"}, ""},
		"without an answer, and not recorded":         {[]*attempt{attempted("1", lost)}, nil, ""},
		"refused, and not recorded":                   {[]*attempt{attempted("1", no)}, nil, ""},
		"acknowledged, and not recorded":              {[]*attempt{attempted("1", yes)}, nil, "lost"},
		"recorded twice":                              {[]*attempt{attempted("1", lost), attempted("2", yes)}, []string{"1", "2"}, "doubled"},
		"one request recorded twice":                  {[]*attempt{attempted("1", lost)}, []string{"1", "1"}, "doubled"},
		"refused, and recorded":                       {[]*attempt{attempted("1", no)}, []string{"1"}, "was refused"},
		"acknowledged as another version":             {[]*attempt{attempted("1", answer{status: 200, version: 7})}, []string{"1"}, "as version 7"},
		"recorded, and nobody has asked for it":       {nil, []string{"9"}, "nobody has asked"},
		"open, and recorded: that is what open means": {[]*attempt{attempted("1", answer{status: 503, command: "c"})}, []string{"1"}, ""},
	} {
		one := &command{agency: agency, board: board, users: []string{"u" + strconv.Itoa(len(c.log))}, attempts: c.attempts}
		by := map[string]*command{}
		for _, a := range c.attempts {
			by[a.trace] = one
			if a.acknowledged() {
				one.acknowledged = a
			}
		}
		var records []eventlog.Record
		for _, trace := range c.log {
			records = append(records, eventlog.Record{Headers: []eventlog.Header{{Key: "ce_traceparent", Value: []byte("00-" + trace + "-00-01")}}})
		}
		truth := newTruth()
		truth.fold(agency, records, by)
		truth.hold(one)
		if c.finding == "" {
			require.Empty(t, truth.found, name)
		} else {
			require.Len(t, truth.found, 1, name)
			require.Contains(t, truth.found[0], c.finding, name)
		}
	}
	j := &journal{commands: []*command{{key: "answered", acknowledged: &attempt{}}, {key: "open"}}}
	require.Len(t, j.unanswered(), 1, "one got no outcome")
	require.Contains(t, j.unanswered()[0], "open")
	l := &listener{user: "u", agency: agency}
	for _, id := range []string{"a.1", "a.3", "a.3"} {
		l.heard("client_access_removed", id)
	}
	require.Len(t, l.judge([]int64{1, 3}), 1, "one came twice")
	require.Len(t, l.judge([]int64{1, 2, 3, 3}), 1, "one did not come")
	require.Empty(t, l.judge([]int64{1, 3, 3}))
}

// command is one change as a client means it, however often it is sent.
type command struct {
	agency, board string
	users         []string
	key           string
	attempts      []*attempt
	acknowledged  *attempt
	took          time.Duration // from the first sending until it was acknowledged
}

// attempt is one sending. Its trace id stands in the record that it made, if any.
type attempt struct {
	trace string
	at    string // the process
	sent  time.Time
	answer
}

// refused: the answer says that nothing was changed.
func (a *attempt) refused() bool {
	return a.err == nil && (a.status >= 400 && a.status < 500 || a.status == 503 && a.command == "")
}

func (a *attempt) acknowledged() bool { return a.err == nil && a.status == 200 }

type seen struct {
	agency, board string
	version       int64
	users         []string
}

type journal struct {
	mu       sync.Mutex
	seed     uint64
	numbers  uint64
	commands []*command
	seen     []seen
	// strange are answers that no client should get: other than success, a refusal that says that nothing was changed, and 503.
	strange []string
}

func (j *journal) begin(c *command, at string) *attempt {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(c.attempts) == 0 {
		j.commands = append(j.commands, c)
	}
	j.numbers++
	a := &attempt{trace: fmt.Sprintf("c4a05%011x%016x", j.seed&(1<<44-1), j.numbers), at: at, sent: time.Now()}
	c.attempts = append(c.attempts, a)
	return a
}

func (j *journal) end(c *command, a *attempt, got answer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	a.answer = got
	switch {
	case a.acknowledged():
		c.acknowledged, c.took = a, time.Since(c.attempts[0].sent)
	case got.err != nil || got.status == 409:
	case got.status != 503 || got.retryAfter == "":
		j.strange = append(j.strange, fmt.Sprintf("%s answered a change with %d, Retry-After %q: %s", a.at, got.status, got.retryAfter, got.body))
	}
}

// longest is the longest that a change waited of those that were under way in a span.
func (j *journal) longest(from, until time.Time) (most time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.commands {
		sent := c.attempts[0].sent
		if c.acknowledged != nil && sent.Before(until) && sent.Add(c.took).After(from) {
			most = max(most, c.took)
		}
	}
	return most
}

func (j *journal) saw(s seen) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seen = append(j.seen, s)
}

// unanswered are the changes whose outcome no client learned, however long they were sent again.
func (j *journal) unanswered() (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.commands {
		if c.acknowledged == nil {
			found = append(found, fmt.Sprintf("%s got no outcome in %d attempts", c.key, len(c.attempts)))
		}
	}
	return found
}
