package chaos_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

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
