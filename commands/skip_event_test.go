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
func (s *spine) follows(value string, names ...string) {
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
	s.Produce(r, eventlog.PartitionOf(r.Key, 2))
	s.settle(s.engine)
}

// opened creates the dashboard that the tests change.
func (s *spine) opened() {
	s.t.Helper()
	_, err := s.process().Update(s.t.Context(), put(north, users(nina)))
	require.NoError(s.t, err)
}

func skipOf(version int64) commands.SkipEvent {
	return commands.SkipEvent{
		Caller:  commands.Caller{ParentAccount: agency, UserID: "0e0000000000000000000000", Role: "operator", RequestID: "r"},
		Version: version, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"},
	}
}

// stopped returns the version at which the agency's stream has stopped; 0: it has not.
func (s *spine) stopped() int64 {
	s.t.Helper()
	return ledgertest.Value[int64](s.t, s.db.Pool, `select coalesce(stopped_at, 0) from streams where stream_key = $1`, agency)
}

func (s *spine) usersOf(account string) []string {
	s.t.Helper()
	return ledgertest.Value[[]string](s.t, s.db.Pool, `select users from dashboard_preferences where sub_account_id = $1`, account)
}

// A stopped stream accepts only the skip of the event at which it has stopped. Then the waiting events
// are folded, up to the next bad one.
func TestSkippedEventUnblocksStream(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	var last domain.Draft
	d := s.process(func(c *commands.DashboardsConfig) {
		c.Log = ledgertest.Append(func(ctx context.Context, d domain.Draft) error {
			last = d
			return s.log.Append(ctx, d)
		})
	})
	s.opened()
	s.follows(`{`)
	s.follows("", sam)
	_, err := d.Update(t.Context(), put(north, users()))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.Equal(t, []string{nina}, s.usersOf(north))

	s.exec(`insert into kept.pauses (kind, name, since, actor, code, ticket) values ('projection', 'dashboards', now(), 'op', 'test', '')`)
	appended := s.appended()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(d.Skip(t.Context(), skipOf(2))), "while the projection is paused, a skip would have no effect")
	require.Equal(t, appended, s.appended())
	s.exec(`delete from kept.pauses`)
	for name, version := range map[string]int64{"what only waits": 3, "what is folded": 1, "what is not there": 1000} {
		require.Equal(t, domain.CodeConflict, domain.CodeOf(d.Skip(t.Context(), skipOf(version))), name)
		require.Equal(t, appended, s.appended(), name)
	}

	require.NoError(t, d.Skip(t.Context(), skipOf(2)))
	require.Equal(t, domain.EventSkipped{Version: 2, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"}}, last.Data)
	audit := last.Envelope.Audit
	require.Equal(t, []string{agency, agency, "0e0000000000000000000000", "operator", "r"},
		[]string{last.Key, last.Envelope.Subject, audit.Actor, audit.Role, audit.RequestID})
	require.NotEmpty(t, audit.CommandID)
	require.Equal(t, []string{sam}, s.usersOf(north))
	require.Zero(t, s.stopped())
	result := update(t, d, put(north, users(nina, sam)))
	require.Equal(t, int64(5), result.Dashboard.Version, "the skip is a record of the chain")

	appended = s.appended()
	again := d.Skip(t.Context(), skipOf(2))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(again))
	require.ErrorContains(t, again, "may have been skipped already")
	require.Equal(t, appended, s.appended(), "to skip it again appends nothing")
	_, verdicts := s.judged()
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 5}, verdicts)

	s.follows(`{`)
	s.follows(`[`)
	require.NoError(t, d.Skip(t.Context(), skipOf(6)), "it has succeeded, though the stream stops again")
	require.Equal(t, int64(7), s.stopped())
}

// A change takes the skip's version: the skip is stale and is appended again. If two operators of two
// processes skip at the same time, one skip is in the log, and the other one finds that the stream has
// not stopped there any more.
func TestConcurrentSkipsAppendOneSkip(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	s.opened()
	s.follows(`{`)
	raced := false
	late := s.process(func(c *commands.DashboardsConfig) {
		c.Log = ledgertest.Append(func(ctx context.Context, d domain.Draft) error {
			if !raced {
				raced = true
				s.follows("", sam)
			}
			return s.log.Append(ctx, d)
		})
	})
	require.NoError(t, late.Skip(t.Context(), skipOf(2)))
	require.Zero(t, s.stopped())
	_, verdicts := s.judged()
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 4, eventlog.Stale: 1}, verdicts)

	s.follows(`{`)
	s.follows("", nina)
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
	errs := make(chan error, 2)
	for range 2 {
		d := s.process(func(c *commands.DashboardsConfig) { c.Log = ledgertest.Append(both) })
		go func() { errs <- d.Skip(context.Background(), skipOf(5)) }()
	}
	won, lost := <-errs, <-errs
	if won != nil {
		won, lost = lost, won
	}
	require.NoError(t, won)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(lost))
	_, verdicts = s.judged()
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 7, eventlog.Stale: 2}, verdicts)
	require.Equal(t, []string{nina}, s.usersOf(north))
}

// If the answer is lost, or the process ends after the append, the outcome is open, and no command
// waits for ever.
func TestSkipWithUnknownOutcomeBlocksNoCommand(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	s.opened()
	s.follows(`{`)
	s.follows("", sam)
	s.stop()
	ctx, hangUp := context.WithCancel(t.Context())
	d := s.process(func(c *commands.DashboardsConfig) {
		c.Log = ledgertest.Append(func(_ context.Context, d domain.Draft) error {
			defer hangUp()
			return s.log.Append(t.Context(), d)
		})
	})
	err := d.Skip(ctx, skipOf(2))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "neither a success nor a refusal is known: %v", err)
	require.ErrorContains(t, err, "not yet known")
	s.stop = s.follow(s.engine)
	ledgertest.Eventually(t, func() bool { return s.stopped() == 0 })
	require.Equal(t, []string{sam}, s.usersOf(north))
}
