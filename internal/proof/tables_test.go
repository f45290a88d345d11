package proof_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// tables are the read model as an honest projection of a log left it.
type tables struct {
	positions   map[int32]int64
	heads       []proof.TableHead
	history     []proof.HistoryRow
	preferences []domain.Dashboard
	notices     []proof.NoticeRow
	commands    []proof.CommandRow
	parked      []proof.ParkedRow
}

// project folds a log by itself: it shares nothing with the package but [eventlog.Judge] and the fold of the domain.
func project(t testing.TB, m *memory) *tables {
	t.Helper()
	out := &tables{positions: map[int32]int64{}}
	heads, dashboards := map[string]domain.StreamHead{}, map[string]map[string]domain.Dashboard{}
	for p, records := range m.topics[domain.TopicDashboards] {
		out.positions[int32(p)] = int64(len(records))
		for _, r := range records {
			key := string(r.Key)
			verdict, head, _ := eventlog.Judge(heads[key], r, testPartitions)
			if verdict != eventlog.Effective {
				continue
			}
			heads[key] = head
			e, err := m.Decode(r)
			require.NoError(t, err)
			event, isDashboard := e.Data.(domain.DashboardEvent)
			if !isDashboard {
				continue
			}
			if dashboards[key] == nil {
				dashboards[key] = map[string]domain.Dashboard{}
			}
			change := event.Change()
			revisions, err := change.Fold(key, head.Version, e.Envelope.Time, dashboards[key])
			require.NoError(t, err)
			a := e.Envelope.Audit
			out.commands = slices.DeleteFunc(out.commands, func(c proof.CommandRow) bool { return c.Parent == key && c.Key == a.IdempotencyKey })
			out.commands = append(out.commands, proof.CommandRow{
				Parent: key, Subject: a.Actor, Key: a.IdempotencyKey, CommandID: a.CommandID, RequestDigest: a.RequestDigest,
				SubAccount: change.Primary, Version: head.Version, Time: e.Envelope.Time,
			})
			for _, rev := range revisions {
				dashboards[key][rev.After.SubAccountID] = rev.After
				out.history = append(out.history, proof.HistoryRow{
					Parent: key, SubAccount: rev.After.SubAccountID, Version: head.Version, EventID: e.Envelope.ID, EventType: e.Envelope.Type,
					Time: e.Envelope.Time, Actor: a.Actor, Role: a.Role, OnBehalfOf: a.OnBehalfOf, CommandID: a.CommandID,
					RequestID: a.RequestID, Hash: slices.Clone(head.Hash[:]), Before: rev.Before, After: rev.After,
				})
			}
			for _, user := range change.LostAccess {
				out.notices = append(out.notices, proof.NoticeRow{Parent: key, Version: head.Version, User: user, Time: e.Envelope.Time})
			}
		}
	}
	for key, head := range heads {
		out.heads = append(out.heads, proof.TableHead{Parent: key, Version: head.Version, Hash: slices.Clone(head.Hash[:]), Time: head.Time})
		for _, d := range dashboards[key] {
			out.preferences = append(out.preferences, d)
		}
	}
	slices.SortFunc(out.heads, func(a, b proof.TableHead) int { return cmp.Compare(a.Parent, b.Parent) })
	slices.SortFunc(out.history, func(a, b proof.HistoryRow) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Version, b.Version), cmp.Compare(a.SubAccount, b.SubAccount))
	})
	slices.SortFunc(out.notices, func(a, b proof.NoticeRow) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Version, b.Version))
	})
	return out
}

func (x *tables) Positions(context.Context) (map[int32]int64, error) { return x.positions, nil }
func (x *tables) Parked(context.Context) ([]proof.ParkedRow, error)  { return x.parked, nil }

func (x *tables) Commands(_ context.Context, parent string, yield func(proof.CommandRow) error) error {
	return each(x.commands, func(c proof.CommandRow) bool { return parent == "" || c.Parent == parent }, yield)
}

func (x *tables) Heads(_ context.Context, parent string, yield func(proof.TableHead) error) error {
	return each(x.heads, func(h proof.TableHead) bool { return parent == "" || h.Parent == parent }, yield)
}

func (x *tables) History(_ context.Context, parent string, from, to int64, yield func(proof.HistoryRow) error) error {
	return each(x.history, func(r proof.HistoryRow) bool {
		return (parent == "" || r.Parent == parent) && r.Version >= from && r.Version <= to
	}, yield)
}

func (x *tables) Preferences(_ context.Context, parent string, yield func(domain.Dashboard) error) error {
	return each(x.preferences, func(d domain.Dashboard) bool { return parent == "" || d.ParentAccount == parent }, yield)
}

func (x *tables) Notices(_ context.Context, parent string, yield func(proof.NoticeRow) error) error {
	return each(x.notices, func(n proof.NoticeRow) bool { return parent == "" || n.Parent == parent }, yield)
}

func each[T any](list []T, keep func(T) bool, yield func(T) error) error {
	for _, v := range list {
		if keep(v) {
			if err := yield(v); err != nil {
				return err
			}
		}
	}
	return nil
}

func with(x *tables) func(*proof.VerifyConfig) {
	return func(c *proof.VerifyConfig) { c.Tables = x }
}

// What is altered in the tables alone is said of the tables, and the record is named.
func TestAlteredTables(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	a := agencies[1]
	row := func(x *tables, version int64) *proof.HistoryRow {
		i := slices.IndexFunc(x.history, func(r proof.HistoryRow) bool { return r.Parent == a && r.Version == version })
		return &x.history[i]
	}
	for name, c := range map[string]struct {
		alter   func(x *tables)
		version int64
		differs []string
		words   string
	}{
		"actor":    {func(x *tables) { row(x, 4).Actor = "nobody" }, 4, []string{"actor"}, "rows were altered"},
		"time":     {func(x *tables) { row(x, 4).Time = noon }, 4, []string{"time"}, "rows were altered"},
		"document": {func(x *tables) { row(x, 5).After.Users = []string{"intruder"} }, 5, []string{"data"}, "rows were altered"},
		"before":   {func(x *tables) { row(x, 5).Before = nil }, 5, []string{"data"}, "rows were altered"},
		"hash":     {func(x *tables) { row(x, 4).Hash[3]++ }, 4, []string{"a header or value that the tables do not hold"}, "never had"},
		"row gone": {func(x *tables) {
			x.history = slices.DeleteFunc(x.history, func(r proof.HistoryRow) bool { return r.Parent == a && r.Version == 6 })
		}, 6, []string{"history"}, "lack the rows"},
		"row added": {func(x *tables) { r := *row(x, 9); r.Version = 12; x.history = append(x.history, r) }, 12, []string{"history"}, "never had"},
		"head":      {func(x *tables) { x.heads[1].Version--; x.heads[1].Hash[0]++ }, 9, []string{"heads"}, "history is that of the log"},
		"preference": {func(x *tables) {
			i := slices.IndexFunc(x.preferences, func(d domain.Dashboard) bool { return d.ParentAccount == a })
			x.preferences[i].AllowClientDashboard = true
		}, 9, []string{"preferences"}, "dashboards: " + client(1)},
		"notice": {func(x *tables) {
			x.notices = slices.DeleteFunc(x.notices, func(n proof.NoticeRow) bool { return n.Parent == a })
		}, 9, []string{"notices"}, ""},
		"command": {func(x *tables) {
			i := slices.IndexFunc(x.commands, func(c proof.CommandRow) bool { return c.Parent == a && c.Version == 8 })
			x.commands[i].RequestDigest = "ffff"
		}, 9, []string{"commands"}, "the first that differs is that of version 8"},
		"command gone": {func(x *tables) {
			x.commands = slices.DeleteFunc(x.commands, func(c proof.CommandRow) bool { return c.Parent == a && c.Version >= 7 })
		}, 9, []string{"commands"}, "the first that differs is that of version 7"},
		"command kept for too long": {func(x *tables) {
			x.commands = append(x.commands, proof.CommandRow{Parent: a, Subject: "a-" + a, Key: "old", Version: 2, Time: noon.Add(-48 * time.Hour)})
		}, 9, []string{"commands"}, "the first that differs is that of version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := project(t, w.memory)
			require.True(t, w.verify(t, w.memory, with(x)).OK())
			c.alter(x)
			report := w.verify(t, w.memory, with(x))
			require.Len(t, report.Findings, 1)
			f := report.Findings[0]
			require.Equal(t, proof.KindTables, f.Kind, f.String())
			require.Equal(t, a, f.Agency)
			require.Equal(t, c.version, f.Version)
			require.Equal(t, c.differs, f.Differs)
			require.Contains(t, f.Detail, c.words)
		})
	}
}

// Commands are forgotten by the time of the agency's records, whoever's clock says what.
func TestForgottenCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.change(t, agencies[0])
	}
	w.chain(agencies[0], w.encode(t, agencies[0], w.heads[agencies[0]], "later", noon.Add(24*time.Hour+2*time.Second)))
	x := project(t, w.memory)
	require.False(t, w.verify(t, w.memory, with(x)).OK(), "the first command is older than a day and still there")
	x.commands = x.commands[1:]
	require.True(t, w.verify(t, w.memory, with(x)).OK())
}

// Records that the tables set aside are left out, and all others are compared: skipping one needs an
// operator's word in the log.
func TestRecordsSetAside(t *testing.T) {
	t.Parallel()
	w := busy(t, 4)
	a := agencies[0]
	partition, index := w.find(a, 3)
	skipped := domain.Position{Topic: domain.TopicDashboards, Partition: int32(partition), Offset: int64(index)}
	without := func(x *tables, version int64) {
		x.history = slices.DeleteFunc(x.history, func(r proof.HistoryRow) bool { return r.Parent == a && r.Version == version })
		i := slices.IndexFunc(x.history, func(r proof.HistoryRow) bool { return r.Parent == a && r.Version == version+1 })
		j := slices.IndexFunc(x.history, func(r proof.HistoryRow) bool { return r.Parent == a && r.Version == version-1 })
		before := x.history[j].After
		x.history[i].Before = &before
		x.commands = slices.DeleteFunc(x.commands, func(c proof.CommandRow) bool { return c.Parent == a && c.Version == version })
	}
	x := project(t, w.memory)
	without(x, 3)
	report := w.verify(t, w.memory, with(x))
	require.Len(t, report.Findings, 1)
	require.Equal(t, int64(3), report.Findings[0].Version, "a row is missing")

	x.parked = []proof.ParkedRow{{Parent: a, Partition: skipped.Partition, Offset: skipped.Offset, Skipped: true}}
	report = w.verify(t, w.memory, with(x))
	require.Len(t, report.Findings, 1)
	require.Equal(t, []string{"parked"}, report.Findings[0].Differs)
	require.Contains(t, report.Findings[0].Detail, "no operator's record")

	w.operate(t, a, domain.ParkedSkipped{Position: skipped, Reason: domain.Reason{Code: domain.ReasonDataRepair}})
	x = project(t, w.memory)
	without(x, 3)
	x.parked = []proof.ParkedRow{{Parent: a, Partition: skipped.Partition, Offset: skipped.Offset, Skipped: true}}
	report = w.verify(t, w.memory, with(x))
	require.True(t, report.OK(), "%v", report.Findings)
	require.Contains(t, report.Notes[len(report.Notes)-1], a)

	i := slices.IndexFunc(x.history, func(r proof.HistoryRow) bool { return r.Parent == a && r.Version == 2 })
	x.history[i].Actor = "nobody"
	report = w.verify(t, w.memory, with(x))
	require.Len(t, report.Findings, 1, "the other records are compared")
	require.Equal(t, []string{"actor"}, report.Findings[0].Differs)
}
