package commands_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// follows appends the next record of the agency's chain: undecodable, or valid. Commands would
// refuse it.
func (s *spine) follows(value string, names ...string) domain.Position {
	s.t.Helper()
	head, _ := s.judged()
	if head.Version == 0 {
		head.Hash = eventlog.Genesis(domain.TopicDashboards, agency)
	}
	d := commands.NewDraft(domain.TopicDashboards, agency, domain.DashboardUsersChanged{DashboardChange: domain.DashboardChange{
		Primary: north, Linked: []string{north}, Users: names, Scopes: []string{"posts"}, MainPOC: map[string][]string{north: {}},
	}}, head.Time.Add(time.Second))
	d.Envelope.Chain = &domain.ChainLink{Version: head.Version + 1, Prev: head.Hash}
	d.Envelope.Audit = domain.Audit{Actor: nina, Role: "agency", CommandID: fmt.Sprint("raw", head.Version), RequestDigest: "00ff"}
	r, err := s.log.Codec().Encode(d)
	require.NoError(s.t, err)
	if value != "" {
		r.Value = []byte(value)
	}
	p := s.Produce(r, eventlog.PartitionOf(r.Key, 2))
	s.settle(s.engine)
	return p
}

// opened creates the dashboard that the tests change.
func (s *spine) opened() {
	s.t.Helper()
	_, err := s.process().Update(s.t.Context(), put(north, users(nina)))
	require.NoError(s.t, err)
}

func skipOf(p domain.Position) commands.SkipParked {
	return commands.SkipParked{
		Caller:   commands.Caller{ParentAccount: agency, UserID: "0e0000000000000000000000", Role: "operator", RequestID: "r"},
		Position: p, Version: 2, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"},
	}
}

// stateOf returns the state of an event in the tables.
func (s *spine) stateOf(p domain.Position) string {
	s.t.Helper()
	return ledgertest.Value[string](s.t, s.db.Pool, `
		select coalesce((select state from parked where partition = $1 and log_offset = $2), 'folded')`, p.Partition, p.Offset)
}

func (s *spine) usersOf(account string) []string {
	s.t.Helper()
	return ledgertest.Value[[]string](s.t, s.db.Pool, `select users from dashboard_preferences where sub_account_id = $1`, account)
}

// A parked stream accepts only the skip of the record that blocks it. Then the waiting events are
// folded.
func TestSkipSetsAnAgencyFree(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	var last domain.Draft
	d := s.process(func(c *commands.DashboardsConfig) {
		c.Log = appender(func(ctx context.Context, d domain.Draft) error {
			last = d
			return s.log.Append(ctx, d)
		})
	})
	s.opened()
	bad := s.follows(`{`)
	behind := s.follows("", sam)
	_, err := d.Update(t.Context(), put(north, users()))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.Equal(t, []string{nina}, s.usersOf(north))

	s.exec(`insert into kept.pauses (kind, name, since, actor, code, ticket) values ('projection', 'dashboards', now(), 'op', 'test', '')`)
	appended := s.appended()
	_, err = d.Skip(t.Context(), skipOf(bad))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "while the projection is paused, a skip would have no effect")
	require.Equal(t, appended, s.appended())
	s.exec(`delete from kept.pauses`)
	for name, wrong := range map[string]domain.Position{
		"what only waits":   behind,
		"what is folded":    {Topic: bad.Topic, Partition: bad.Partition, Offset: bad.Offset - 1},
		"what is not there": {Topic: bad.Topic, Partition: bad.Partition, Offset: 1000},
	} {
		_, err := d.Skip(t.Context(), skipOf(wrong))
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), name)
		require.Equal(t, appended, s.appended(), name)
	}

	already, err := d.Skip(t.Context(), skipOf(bad))
	require.NoError(t, err)
	require.False(t, already)
	require.Equal(t, domain.ParkedSkipped{Position: bad, Version: 2, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"}}, last.Data)
	audit := last.Envelope.Audit
	require.Equal(t, []string{agency, agency, "0e0000000000000000000000", "operator", "r"},
		[]string{last.Key, last.Envelope.Subject, audit.Actor, audit.Role, audit.RequestID})
	require.NotEmpty(t, audit.CommandID)
	require.Equal(t, []string{sam}, s.usersOf(north))
	require.Equal(t, []string{"skipped", "folded"}, []string{s.stateOf(bad), s.stateOf(behind)})
	result := update(t, d, put(north, users(nina, sam)))
	require.Equal(t, int64(5), result.Dashboard.Version, "the skip is a record of the chain")

	appended = s.appended()
	already, err = d.Skip(t.Context(), skipOf(bad))
	require.NoError(t, err)
	require.True(t, already)
	require.Equal(t, appended, s.appended(), "to skip it again appends nothing")
	_, verdicts := s.judged()
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 5}, verdicts)
}

// Two operators of two processes skip at the same time: both find the record skipped, and one skip
// counts.
func TestTwoOperatorsSkipAtOnce(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	s.opened()
	bad := s.follows(`{`)
	behind := s.follows("", sam)
	loaded, bothLoaded := make(chan struct{}, 2), make(chan struct{})
	var once sync.Once
	both := func(ctx context.Context, d domain.Draft) error {
		loaded <- struct{}{}
		if len(loaded) == cap(loaded) {
			once.Do(func() { close(bothLoaded) })
		}
		<-bothLoaded // each has decided before either appends
		return s.log.Append(ctx, d)
	}
	var group sync.WaitGroup
	for range 2 {
		d := s.process(func(c *commands.DashboardsConfig) { c.Log = appender(both) })
		group.Go(func() {
			already, err := d.Skip(context.Background(), skipOf(bad))
			if err != nil || already {
				t.Errorf("already %v, error %v", already, err)
			}
		})
	}
	group.Wait()
	_, verdicts := s.judged()
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 4, eventlog.Stale: 1}, verdicts)
	require.Equal(t, []string{"skipped", "folded"}, []string{s.stateOf(bad), s.stateOf(behind)})
}

// A change takes the skip's version: the skip is stale and is appended again.
func TestSkipThatLosesItsRaceIsRepeated(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	s.opened()
	bad := s.follows(`{`)
	d := s.process(func(c *commands.DashboardsConfig) {
		raced := false
		c.Log = appender(func(ctx context.Context, d domain.Draft) error {
			if !raced {
				raced = true
				s.follows("", sam)
			}
			return s.log.Append(ctx, d)
		})
	})
	_, err := d.Skip(t.Context(), skipOf(bad))
	require.NoError(t, err)
	require.Equal(t, "skipped", s.stateOf(bad))
	_, verdicts := s.judged()
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 4, eventlog.Stale: 1}, verdicts)
}

// A retry folds the record before the skip, in all sets of tables or in one of two. The answer says
// that it was not skipped, and never that nothing was appended.
func TestSkipOfWhatARetryFolds(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	s.opened()
	bad := s.follows(`{`)
	for want, in := range map[string][]domain.ParkedIn{
		"A retry folded": {{Generation: 1}},
		"A skip is in the log, but not all tables have skipped the event": {
			{Generation: 1}, {Generation: 2, State: "parked", Reason: "malformed", Stream: agency},
		},
	} {
		appended, retried := s.appended(), &retriedStore{in: []domain.ParkedIn{{Generation: 1, State: "parked", Reason: "malformed", Stream: agency}}}
		d := s.process(func(c *commands.DashboardsConfig) {
			retried.DashboardStore, c.Store = c.Store, retried
			c.Log = appender(func(ctx context.Context, d domain.Draft) error {
				retried.in = in
				return s.log.Append(ctx, d)
			})
		})
		_, err := d.Skip(t.Context(), skipOf(bad))
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "Nothing was skipped")
		require.Equal(t, appended+1, s.appended())
	}
}

// retriedStore scripts the states of a record by generation.
type retriedStore struct {
	commands.DashboardStore
	in []domain.ParkedIn
}

func (r *retriedStore) Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error) {
	view, err := r.DashboardStore.Load(ctx, need)
	view.Parked = &domain.ParkedFacts{In: r.in}
	return view, err
}

// If the answer is lost, or the process ends after the append, skipping again is safe, even before
// the first skip is folded.
func TestSkipWithoutAnAnswerIsRepeated(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	s.opened()
	bad := s.follows(`{`)
	behind := s.follows("", sam)
	s.stop()
	ctx, hangUp := context.WithCancel(t.Context())
	first := s.process(func(c *commands.DashboardsConfig) {
		c.Log = appender(func(_ context.Context, d domain.Draft) error {
			defer hangUp()
			return s.log.Append(t.Context(), d)
		})
	})
	_, err := first.Skip(ctx, skipOf(bad))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "neither a success nor a refusal is known: %v", err)
	require.ErrorContains(t, err, "not yet known")
	second := s.process(func(c *commands.DashboardsConfig) {
		c.Log = appender(func(ctx context.Context, d domain.Draft) error {
			err := s.log.Append(ctx, d)
			s.stop = s.follow(s.engine)
			return err
		})
	})
	already, err := second.Skip(t.Context(), skipOf(bad))
	require.NoError(t, err)
	require.False(t, already)
	require.Equal(t, []string{"skipped", "folded"}, []string{s.stateOf(bad), s.stateOf(behind)})
}
