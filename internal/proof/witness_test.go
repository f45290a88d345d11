package proof_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// witness is what the tables of an honest projection remember of a log.
type witness struct {
	positions map[int32]int64
	heads     []proof.TableHead
	records   []proof.Remembered
}

// remember folds nothing: it notes what each effective record was.
func remember(t testing.TB, m *memory) *witness {
	t.Helper()
	w := &witness{positions: map[int32]int64{}}
	heads := map[string]domain.StreamHead{}
	for p, records := range m.topics[domain.TopicDashboards] {
		w.positions[int32(p)] = int64(len(records))
		for _, r := range records {
			key := string(r.Key)
			verdict, head, _ := eventlog.Judge(heads[key], r, testPartitions)
			if verdict != eventlog.Effective {
				continue
			}
			heads[key] = head
			e, err := m.Decode(r)
			require.NoError(t, err)
			if _, isDashboard := e.Data.(domain.DashboardEvent); !isDashboard {
				continue // it makes no row
			}
			a := e.Envelope.Audit
			w.records = append(w.records, proof.Remembered{
				Parent: key, Version: head.Version, EventID: e.Envelope.ID, EventType: e.Envelope.Type, Time: e.Envelope.Time,
				Actor: a.Actor, Role: a.Role, OnBehalfOf: a.OnBehalfOf, CommandID: a.CommandID, RequestID: a.RequestID, Hash: slices.Clone(head.Hash[:]),
			})
		}
	}
	for key, head := range heads {
		w.heads = append(w.heads, proof.TableHead{Parent: key, Version: head.Version, Hash: slices.Clone(head.Hash[:])})
	}
	return w
}

func (w *witness) Positions(context.Context) (map[int32]int64, error) { return w.positions, nil }

func (w *witness) Heads(_ context.Context, parent string, yield func(proof.TableHead) error) error {
	for _, h := range w.heads {
		if parent == "" || h.Parent == parent {
			if err := yield(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *witness) Records(_ context.Context, parent string, yield func(proof.Remembered) error) error {
	for _, r := range w.records {
		if parent == "" || r.Parent == parent {
			if err := yield(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func with(x *witness) func(*proof.VerifyConfig) {
	return func(c *proof.VerifyConfig) { c.Witness = x }
}

// What is altered in the tables alone is not blamed on the log: that rows are not what the log gives is the check of
// tables' to say.
func TestAlteredRowsAreNotBlamedOnTheLog(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	a := agencies[1]
	row := func(x *witness, version int64) *proof.Remembered {
		i := slices.IndexFunc(x.records, func(r proof.Remembered) bool { return r.Parent == a && r.Version == version })
		return &x.records[i]
	}
	for name, alter := range map[string]func(x *witness){
		"actor":     func(x *witness) { row(x, 4).Actor = "nobody" },
		"hash":      func(x *witness) { row(x, 4).Hash[3]++ },
		"last hash": func(x *witness) { row(x, 9).Hash[3]++ }, // a checkpoint covers it, and the head agrees
		"gone": func(x *witness) {
			x.records = slices.DeleteFunc(x.records, func(r proof.Remembered) bool { return r.Version == 6 })
		},
		"added": func(x *witness) { r := *row(x, 9); r.Version = 12; x.records = append(x.records, r) },
		"head": func(x *witness) {
			i := slices.IndexFunc(x.heads, func(h proof.TableHead) bool { return h.Parent == a })
			x.heads[i].Version--
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := remember(t, w.memory)
			alter(x)
			report := w.verify(t, w.memory, with(x))
			require.True(t, report.OK(), "%v", report.Findings)
			require.Equal(t, int64(27), report.Compared)
		})
	}
}

// An operator's record makes no row; the head remembers it, and that it was cut off.
func TestOperatorsRecordsAreRemembered(t *testing.T) {
	t.Parallel()
	w := busy(t, 4)
	a := agencies[0]
	w.operate(t, a, domain.ParkedSkipped{
		Position: domain.Position{Topic: domain.TopicDashboards, Offset: 1}, Reason: domain.Reason{Code: domain.ReasonDataRepair},
	})
	x := remember(t, w.memory)
	require.True(t, w.verify(t, w.memory, with(x)).OK())
	m := w.clone()
	cutAfter(m, a, 4)
	f := of(t, w.verify(t, m, with(x)), a)
	require.Equal(t, proof.KindTruncated, f.Kind)
	require.Equal(t, int64(5), f.Version)
}
