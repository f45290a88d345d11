package commands_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// late is a broker that does not answer and delivers a record after a while, or never if negative.
func (s *stage) late(after time.Duration) {
	s.onAppend = func(ctx context.Context, n int, d domain.Draft) error {
		if n > 1 {
			s.deliver(d)
			return nil
		}
		if after >= 0 {
			time.AfterFunc(after, func() { s.deliver(d) })
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		return errUnknown
	}
}

// open requires that err leaves the outcome open, and returns the key for the repetition.
func open(t *testing.T, err error) string {
	t.Helper()
	e := asError(t, err)
	require.Equal(t, domain.CodeUnavailable, e.Code)
	require.NotEmpty(t, e.CommandID)
	require.Positive(t, e.RetryAfter)
	require.Contains(t, e.Message, "not yet known")
	require.Contains(t, e.Message, e.CommandID)
	return e.CommandID
}

// Without a definite answer of the log, the command returns the outcome before the deadline, or a
// 503.
func TestPutWithTimedOutAppendIsResolvedFromTables(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.late(3 * time.Second)
		began := time.Now()
		result := update(t, s.process(t), put(north, users(nina)))
		require.Equal(t, []string{nina}, result.Dashboard.Users)
		require.Less(t, time.Since(began), 4*time.Second)
		require.Equal(t, 1, s.counted().appends)
	})
}

// A record that arrives after the deadline is found by its command id and is the only one.
func TestPutRepeatedAfterTimedOutAppendIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"", "caller's key"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			s.late(time.Minute)
			p := s.process(t)
			began := time.Now()
			_, err := p.Update(t.Context(), put(north, users(nina), key(own)))
			id := open(t, err)
			require.Equal(t, 10*time.Second, time.Since(began), "the deadline does not wait for the publisher")
			require.Empty(t, s.log())
			time.Sleep(time.Minute)
			require.Len(t, s.log(), 1)
			s.another(t, domain.UpdateDashboard{Primary: north, Users: &[]string{sam}}) // and time goes on

			result := update(t, p, put(north, users(nina), key(id)))
			require.True(t, result.Replayed, "key %q", own)
			require.Equal(t, []string{nina}, result.Dashboard.Users, "as of its version")
			require.Equal(t, 1, s.counted().appends, "key %q: no second record", own)
		})
	}
}

// While the repetition waits, the first record takes its version. Its outcome is the answer.
func TestLateRecordWinsOverItsRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		var first domain.Draft
		s.onAppend = func(ctx context.Context, n int, d domain.Draft) error {
			if n == 1 {
				first = d
				<-ctx.Done()
				return errUnknown
			}
			s.deliver(first)
			s.deliver(d)
			return nil
		}
		p := s.process(t)
		_, err := p.Update(t.Context(), put(north, users(nina)))
		id := open(t, err)
		result := update(t, p, put(north, users(nina), key(id)))
		require.True(t, result.Replayed)
		require.Len(t, s.log(), 1)
		require.Equal(t, 1, s.counted().stale)
	})
}

// If another record takes the version, the command is decided again. The first record is stale if
// it arrives.
func TestUnknownOutcomeIsDecidedAgainAfterConflict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.late(8 * time.Second)
		time.AfterFunc(5*time.Second, func() { s.another(t, domain.UpdateDashboard{Primary: east}) })
		result := update(t, s.process(t), put(north, users(nina)))
		require.Equal(t, int64(2), result.Dashboard.Version)
		time.Sleep(time.Minute)
		require.Len(t, s.log(), 2)
		require.Equal(t, 1, s.counted().stale)
	})
}

// No failure after the record was handed over is reported as a refusal.
func TestFailureAfterAppendReturns503NotRefusal(t *testing.T) {
	t.Parallel()
	down := errors.New("the database is away")
	for name, set := range map[string]func(*stage){
		"the record never comes":          func(s *stage) { s.late(-1) },
		"its version is not folded":       func(s *stage) { s.parked[1] = true },
		"the tables cannot be asked":      func(s *stage) { s.onSettle = func() error { return down } },
		"the acknowledged record is slow": func(s *stage) { s.onAppend = func(context.Context, int, domain.Draft) error { return nil } },
		"the answer says canceled": func(s *stage) {
			s.onAppend = func(context.Context, int, domain.Draft) error { return context.Canceled }
		},
		"the answer says deadline is over": func(s *stage) {
			s.onAppend = func(context.Context, int, domain.Draft) error { return context.DeadlineExceeded }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				set(s)
				_, err := s.process(t).Update(t.Context(), put(north, users(nina)))
				open(t, err)
				require.Equal(t, 1, s.counted().appends)
			})
		})
	}
}

// Errors while reading the outcome are temporary.
func TestOutcomeIsReadAgainAfterDatabaseErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		began := time.Now()
		s.onSettle = func() error {
			if time.Since(began) < 5*time.Second {
				return errors.New("the database is away")
			}
			return nil
		}
		result := update(t, s.process(t), put(north, users(nina)))
		require.Equal(t, []string{nina}, result.Dashboard.Users)
	})
}

// A change that took effect is answered without reading the dashboard. A repetition reads it, and if that takes too
// long, says that the change is recorded.
func TestARecordedChangeIsReportedAsRecorded(t *testing.T) {
	t.Parallel()
	for _, down := range []time.Duration{5 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			began := time.Now()
			s.onRead = func() error {
				if time.Since(began) < down {
					return errors.New("the database is away")
				}
				return nil
			}
			result, err := s.process(t).Update(t.Context(), put(north, users(nina), key("k1")))
			require.NoError(t, err)
			require.Zero(t, time.Since(began))
			again, err := s.process(t).Update(t.Context(), put(north, users(nina), key("k1")))
			require.Len(t, s.log(), 1)
			if down < time.Minute {
				require.NoError(t, err)
				require.Equal(t, commands.Result{Dashboard: result.Dashboard, Replayed: true}, again)
				return
			}
			e := asError(t, err)
			require.Equal(t, domain.CodeUnavailable, e.Code)
			require.Contains(t, e.Message, "Your change was recorded as version 1")
			require.NotContains(t, e.Message, "not yet known")
		})
	}
}

// A definite refusal by the log is reported as one: nothing was changed, and nothing will be.
func TestDefiniteLogRefusalReportsNoChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer error
		code   domain.Code
	}{
		"the log takes nothing now": {errRefused, domain.CodeUnavailable},
		"the record is too large":   {errTooLarge, domain.CodeUnprocessable},
	} {
		s := newStage()
		s.onAppend = func(context.Context, int, domain.Draft) error { return c.answer }
		_, err := s.process(t).Update(t.Context(), put(north, users(nina)))
		e := asError(t, err)
		require.Equal(t, c.code, e.Code, name)
		require.Empty(t, e.CommandID, "%s: there is no outcome to ask for", name)
		if errors.Is(c.answer, errRefused) {
			require.Contains(t, e.Message, "INVALID_TIMESTAMP")
			require.Contains(t, e.Message, "Nothing was changed")
		}
		require.Equal(t, 1, s.counted().appends, "%s: it is not tried again", name)
	}
}

// If too many commands wait, nothing is handed over, so the answer is a refusal.
func TestQueuedCommandTimesOutBeforeAppend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.onAppend = func(ctx context.Context, _ int, _ domain.Draft) error {
			<-ctx.Done()
			return errUnknown
		}
		p := s.process(t)
		go func() { _, _ = p.Update(t.Context(), put(north)) }()
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := p.Update(impatient, put(south))
		e := asError(t, err)
		require.Equal(t, domain.CodeUnavailable, e.Code)
		require.Empty(t, e.CommandID)
		require.Contains(t, e.Message, "Nothing was changed")
		go func() { _, _ = p.Update(t.Context(), put(east)) }()
		synctest.Wait()
		require.Equal(t, 1, s.counted().appends, "who gave up leaves the turn to its holder")
		time.Sleep(time.Minute)
	})
}

// One accepted command is one record with actor, reason and predecessor.
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

// raced makes another process win the race of each of the first appends.
func (s *stage) raced(t require.TestingT, races int, other func(n int) domain.UpdateDashboard) {
	s.onAppend = func(_ context.Context, n int, d domain.Draft) error {
		if n <= races {
			s.another(t, other(n))
		}
		s.deliver(d)
		return nil
	}
}

// After a lost race the command is decided again, on the new facts.
func TestVersionConflictIsDecidedAgainOnNewFacts(t *testing.T) {
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

// Too many lost races are a conflict. Nothing of the command is in the log.
func TestRepeatedVersionConflictReturns409(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.raced(t, 100, func(n int) domain.UpdateDashboard {
		allow := n%2 == 1
		return domain.UpdateDashboard{Primary: east, AllowClientDashboard: &allow}
	})
	_, err := s.process(t).Attempting(3).Update(t.Context(), put(north, users(nina)))
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
