package commands_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// One accepted command is one record, which says who, why and after what.
func TestUpdateAppendsOneRecord(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.another(t, domain.UpdateDashboard{Primary: south})
	head := s.head
	result := update(t, s.process(t), put(north, users(nina), links(south), key("k1")))
	require.False(t, result.Replayed)
	require.Equal(t, []string{north, south}, result.Dashboard.SubAccountIDs)
	require.Equal(t, int64(2), result.Dashboard.Version)
	require.Equal(t, 1, s.appends)

	d := s.records[1]
	require.Equal(t, domain.TopicDashboards, d.Topic)
	require.Equal(t, agency, d.Key)
	require.Equal(t, north, d.Envelope.Subject)
	require.Equal(t, d.Data.EventType(), d.Envelope.Type)
	require.Equal(t, &domain.ChainLink{Version: 2, Prev: head.Hash}, d.Envelope.Chain)
	require.Equal(t, "trace", d.Envelope.TraceParent)
	require.NotEmpty(t, d.Envelope.ID)
	require.NotEmpty(t, d.Envelope.Audit.CommandID)
	require.NotEqual(t, d.Envelope.ID, d.Envelope.Audit.CommandID)
	require.Equal(t, domain.Audit{
		Actor: "ada", Role: "agency", OnBehalfOf: "bob", CommandID: d.Envelope.Audit.CommandID, RequestID: "r1",
		IdempotencyKey: "736a84486e02f2f80b2022329854b1f2857f61968983cde0abf61ffb6d37688a", RequestDigest: "digest of " + north,
	}, d.Envelope.Audit)
}

// raced lets another process win the race of each of the first appends.
func (s *stage) raced(t require.TestingT, races int, other func(n int) domain.UpdateDashboard) {
	s.onAppend = func(_ context.Context, n int, d domain.Draft) error {
		if n <= races {
			s.another(t, other(n))
		}
		s.deliver(d)
		return nil
	}
}

// A lost race is decided again, on the new facts.
func TestLostRaceIsDecidedAgainOnNewFacts(t *testing.T) {
	t.Parallel()
	linkEast := func(int) domain.UpdateDashboard {
		return domain.UpdateDashboard{Primary: north, SubAccountIDs: &[]string{east}}
	}
	t.Run("nothing of the other's change is lost", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.raced(t, 1, linkEast)
		result := update(t, s.process(t), put(north, links(south), users(nina)))
		require.Equal(t, []string{north, south, east}, result.Dashboard.SubAccountIDs)
		require.Equal(t, []string{nina}, s.present[east].Users, "users go to every linked dashboard, east too")
		require.Equal(t, int64(2), result.Dashboard.Version)
		require.Equal(t, 2, s.appends)
		require.Equal(t, 1, s.stale)
	})
	t.Run("the other did the same: nothing is left to do", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.raced(t, 1, linkEast)
		result := update(t, s.process(t), put(north, links(east)))
		require.Equal(t, int64(1), result.Dashboard.Version)
		require.Equal(t, 1, s.appends)
	})
	t.Run("the other's change forbids it now", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.another(t, domain.UpdateDashboard{Primary: north})
		s.raced(t, 1, linkEast)
		_, err := s.process(t).Update(t.Context(), put(north, users(nina), func(u *commands.UpdateDashboard) {
			u.Change.IfMatch = &domain.VersionMatch{Versions: []int64{1}}
		}))
		require.Equal(t, domain.CodePreconditionFailed, domain.CodeOf(err))
		require.Empty(t, s.present[north].Users)
	})
	t.Run("the same command id over all attempts", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		var seen []string
		s.onAppend = func(_ context.Context, n int, d domain.Draft) error {
			seen = append(seen, d.Envelope.Audit.CommandID)
			if n == 1 {
				s.another(t, linkEast(1))
			}
			s.deliver(d)
			return nil
		}
		update(t, s.process(t), put(south, users(sam)))
		require.Len(t, seen, 2)
		require.Equal(t, seen[0], seen[1])
	})
}

// A race that is lost too often is a conflict; nothing of the command is in the log.
func TestLostTooOftenIsAConflict(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.raced(t, 100, func(n int) domain.UpdateDashboard {
		allow := n%2 == 1
		return domain.UpdateDashboard{Primary: east, AllowClientDashboard: &allow}
	})
	_, err := s.process(t, func(c *commands.DashboardsConfig) { c.Attempts = 3 }).Update(t.Context(), put(north, users(nina)))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.Equal(t, 3, s.appends)
	require.Equal(t, 3, s.stale)
	require.NotContains(t, s.present, north)
}

// Commands of one agency queue in the process; those of another agency do not wait.
func TestCommandsOfOneAgencyQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		entered := make(chan struct{}, 10)
		release := make(chan struct{})
		s.onAppend = func(_ context.Context, _ int, d domain.Draft) error {
			entered <- struct{}{}
			<-release
			s.deliver(d)
			return nil
		}
		p := s.process(t)
		var group sync.WaitGroup
		for _, id := range []string{north, south, east} {
			group.Go(func() {
				_, err := p.Update(context.Background(), put(id))
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		require.Len(t, entered, 1)
		group.Go(func() {
			u := put(north)
			u.ParentAccount = "bbbbbbbbbbbbbbbbbbbbbbbb"
			_, _ = p.Update(context.Background(), u) // its stream is not this stage's
		})
		synctest.Wait()
		require.Len(t, entered, 2)
		close(release)
		time.Sleep(time.Minute) // of the bubble
		group.Wait()
	})
}
