package chaos_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// What the run says of each bound is so: one part that is gone has all of them, a planned stop a stricter one, the rest the last alone.
func TestBoundsAreKeptOrBroken(t *testing.T) {
	t.Parallel()
	alone, planned, most := fault{kind: "one frozen", alone: true}, fault{kind: "one" + stoppedAsPlanned, alone: true}, fault{kind: "two killed"}
	b := newBounds()
	require.True(t, b.hold(alone, waitsAtMost, 0, mendedWithin), "within the bounds")
	require.False(t, b.hold(alone, waitsAtMost+1, 0, 0), "a change waited")
	require.False(t, b.hold(alone, 0, 1, 0), "nobody answered a reader")
	require.False(t, b.hold(planned, stopWaitsAtMost+1, 0, 0), "a change waited for a stop")
	require.True(t, b.hold(most, time.Hour, time.Hour, 0), "while most is gone nothing may go on")
	require.False(t, b.hold(most, 0, 0, mendedWithin+1), "it lasted on after its cause")
	var lines []string
	for _, each := range b.all() {
		lines = append(lines, each.String())
	}
	require.Equal(t, []string{
		"one part gone: no reader is without an answer from two processes: kept 3 of 4 times; the longest was 0s (one frozen)",
		"one part gone: a change waits at most 12s: kept 2 of 3 times; the longest was 12s (one frozen)",
		"a process stopped as planned: a change waits at most 1s: kept 0 of 1 times; the longest was 1s (one stopped as planned)",
		"anything gone: what fails for it ends, after its cause was removed, within 15s: kept 5 of 6 times; the longest was 15s (two killed)",
	}, lines)
}

// Of two faults at once the process is started again last, on what is there again.
func TestAProcessIsStartedOnWhatIsMended(t *testing.T) {
	t.Parallel()
	var ended []string
	part := func(of string) fault {
		return fault{of: of, begin: func() error { return nil }, end: func() error { ended = append(ended, of); return nil }}
	}
	require.NoError(t, both(part("api 1"), part(ofPostgres)).end())
	require.NoError(t, both(part(ofBrokers), part("projector 1")).end())
	require.Equal(t, []string{ofPostgres, "api 1", ofBrokers, "projector 1"}, ended)
}

// A link that two faults have cut is mended by both.
func TestALinkIsMendedTwice(t *testing.T) {
	t.Parallel()
	l := newLink(t, "mended already")
	require.NoError(t, l.mend())
}

// What the run looks for is found where it is planted.
func TestJudgeFindsLies(t *testing.T) {
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
