package notices_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/notices"
)

const (
	agency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	agency2 = "bbbbbbbbbbbbbbbbbbbbbbbb"
	alice   = "a11ce0000000000000000000"
	bob     = "b0b000000000000000000000"
)

func user(i int) string { return fmt.Sprintf("%024x", i+1) }

// inBubble runs a hub under a clock of its own, so that two seconds of sweeping cost nothing.
func inBubble(t *testing.T, store *memoryStore, cfg notices.Config, test func(t *testing.T, hub *notices.Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hub, err := notices.New(store, cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- hub.Run(ctx) }()
		test(t, hub)
		cancel()
		require.NoError(t, <-done)
		require.Zero(t, hub.Connections())
	})
}

func subscribe(t *testing.T, hub *notices.Hub, parent, user string, after int64) *notices.Subscription {
	t.Helper()
	s, err := hub.Subscribe(t.Context(), notices.Subscriber{ParentAccount: parent, UserID: user}, after)
	require.NoError(t, err)
	return s
}

// received takes what lies ready for a subscription once all goroutines of the bubble rest.
func received(s *notices.Subscription) (ids []string) {
	for {
		synctest.Wait()
		select {
		case n, open := <-s.Notices():
			if !open {
				return append(ids, "closed")
			}
			ids = append(ids, n.ID())
		default:
			return ids
		}
	}
}

func id(version int64) string { return notices.FormatID(agency, version) }

func TestCatchesUpFromTheCursorAndNoFurther(t *testing.T) {
	t.Parallel()
	store := newStore()
	for range 3 {
		store.append(agency, alice, bob)
	}
	store.append(agency2, alice)
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 1)
		require.Equal(t, []string{id(2), id(3)}, received(s))
		time.Sleep(10 * time.Second)
		require.Empty(t, received(s), "a row is sent once, however often it is looked at")
	})
}

func TestSweepFindsWhatNoHintAnnounced(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		require.Empty(t, received(s))
		store.append(agency, alice)
		time.Sleep(2300 * time.Millisecond)
		require.Equal(t, []string{id(1)}, received(s))
	})
}

func TestWakeUpIsFollowedUpUntilTheRecordIsFolded(t *testing.T) {
	t.Parallel()
	for name, wake := range map[string]func(*notices.Hub){
		"by agency": func(h *notices.Hub) { h.WakeParent(agency) },
		"by user":   func(h *notices.Hub) { h.Wake(alice) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newStore()
			inBubble(t, store, notices.Config{Sweep: time.Hour}, func(t *testing.T, hub *notices.Hub) {
				t.Helper()
				s := subscribe(t, hub, agency, alice, 0)
				require.Empty(t, received(s))
				wake(hub)
				require.Empty(t, received(s), "the hint came before the record was folded")
				time.Sleep(40 * time.Millisecond)
				store.append(agency, alice)
				time.Sleep(50 * time.Millisecond)
				require.Equal(t, []string{id(1)}, received(s))
			})
		})
	}
}

func TestWakeUpOfNobodyAsksNothing(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{Sweep: time.Hour}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		synctest.Wait()
		hub.Wake(alice)
		hub.WakeParent(agency)
		time.Sleep(time.Minute)
		scans, looks := store.queries()
		require.Zero(t, scans+looks)
	})
}

func TestIdleConnectionsShareOneQuery(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		const connections = 10_000
		for i := range connections {
			subscribe(t, hub, fmt.Sprintf("%024x", i%50), user(i), 0)
		}
		time.Sleep(3 * time.Second)
		scansBefore, looksBefore := store.queries()
		time.Sleep(20 * time.Second)
		scans, looks := store.queries()
		require.LessOrEqual(t, scans-scansBefore, 12, "one query a sweep for all of them")
		require.Equal(t, looksBefore, looks, "none of them is looked up by itself")
	})
}

func TestManyNoticesOfOneRecordCrossPages(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		const users = 2500 // more than two pages of a scan, all of one version
		all := make([]string, users)
		subscriptions := make([]*notices.Subscription, users)
		for i := range users {
			all[i] = user(i)
			subscriptions[i] = subscribe(t, hub, agency, all[i], 0)
		}
		synctest.Wait()
		store.append(agency, all...)
		store.append(agency, all[users-1])
		hub.WakeParent(agency)
		for i, s := range subscriptions[:users-1] {
			require.Equal(t, []string{id(1)}, received(s), "user %d", i)
		}
		require.Equal(t, []string{id(1), id(2)}, received(subscriptions[users-1]))
	})
}

func TestLongAbsenceIsCaughtUpThroughASmallBuffer(t *testing.T) {
	t.Parallel()
	store := newStore()
	var want []string
	for range 200 {
		want = append(want, id(store.append(agency, alice)))
	}
	inBubble(t, store, notices.Config{Buffer: 8}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		var got []string
		for len(got) < len(want) {
			n := <-s.Notices()
			got = append(got, n.ID())
		}
		require.Equal(t, want, got)
		store.append(agency, alice)
		hub.Wake(alice)
		require.Equal(t, []string{id(201)}, received(s), "and it goes on live")
	})
}

func TestSlowConnectionDelaysNobodyAndIsDropped(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{Buffer: 2}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		slow, quick := subscribe(t, hub, agency, alice, 0), subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		for i := range int64(6) {
			store.append(agency, alice)
			hub.Wake(alice)
			require.Equal(t, []string{id(i + 1)}, received(quick))
		}
		time.Sleep(time.Minute)
		require.Equal(t, 1, hub.Connections())
		require.Equal(t, []string{id(1), id(2), "closed"}, received(slow))
		require.ErrorIs(t, slow.Reason(), notices.ErrSlow)
		require.NoError(t, quick.Reason())
	})
}

func TestMadeUpCursorHidesNothingFromOthers(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		liar := subscribe(t, hub, agency, bob, 1_000_000)
		s := subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		store.append(agency, alice, bob)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{id(1)}, received(s))
		require.Empty(t, received(liar))
	})
}

func TestExpiredTokenCutsAtItsTime(t *testing.T) {
	t.Parallel()
	inBubble(t, newStore(), notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s, err := hub.Subscribe(t.Context(), notices.Subscriber{
			ParentAccount: agency, UserID: alice, ExpiresAt: time.Now().Add(90 * time.Second),
		}, 0)
		require.NoError(t, err)
		time.Sleep(89 * time.Second)
		require.Empty(t, received(s))
		time.Sleep(time.Second)
		require.Equal(t, []string{"closed"}, received(s))
		require.ErrorIs(t, s.Reason(), notices.ErrExpired)
	})
}

func TestLostAccessCutsAfterTheNoticeThatSaysSo(t *testing.T) {
	t.Parallel()
	store := newStore()
	var answer atomic.Pointer[error]
	cfg := notices.Config{Sweep: time.Hour, Allowed: func(_ context.Context, who notices.Subscriber) error {
		if err := answer.Load(); err != nil && who.UserID == alice {
			return *err
		}
		return nil
	}}
	inBubble(t, store, cfg, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s, other := subscribe(t, hub, agency, alice, 0), subscribe(t, hub, agency, bob, 0)
		away := errors.New("the database is away")
		answer.Store(&away)
		time.Sleep(3 * time.Minute)
		require.Empty(t, received(s), "a question that cannot be answered cuts nobody")

		store.append(agency, alice)
		var forbidden error = domain.NewError(domain.CodeForbidden, "not active")
		answer.Store(&forbidden)
		time.Sleep(time.Minute)
		require.Equal(t, []string{id(1), "closed"}, received(s))
		require.ErrorIs(t, s.Reason(), notices.ErrAccessLost)
		require.Empty(t, received(other))
	})
}

// While the read model is made anew nobody is found in it, and the stock client takes a cut for good.
func TestNobodyIsAskedAboutBeforeTheReadModelIsReady(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	ready.Store(true)
	cfg := notices.Config{Ready: ready.Load, Allowed: func(context.Context, notices.Subscriber) error {
		if ready.Load() {
			return nil
		}
		return domain.NewError(domain.CodeNotFound, "no such user")
	}}
	inBubble(t, newStore(), cfg, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		ready.Store(false)
		time.Sleep(3 * time.Minute)
		ready.Store(true)
		time.Sleep(3 * time.Minute)
		require.Empty(t, received(s))
	})
}

// Who has lost its access is owed the notice that says so, also when the store fails in that moment.
func TestLostAccessIsToldBeforeTheCutThoughTheStoreFails(t *testing.T) {
	t.Parallel()
	store := newStore()
	var lost atomic.Bool
	cfg := notices.Config{Allowed: func(context.Context, notices.Subscriber) error {
		if lost.Load() {
			return domain.NewError(domain.CodeForbidden, "not active")
		}
		return nil
	}}
	inBubble(t, store, cfg, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		store.setBroken(true)
		store.append(agency, alice)
		lost.Store(true)
		time.Sleep(3 * time.Minute)
		require.Empty(t, received(s))
		store.setBroken(false)
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{id(1), "closed"}, received(s))
		require.ErrorIs(t, s.Reason(), notices.ErrAccessLost)
	})
}

func TestNothingIsSentBeforeTheReadModelIsReady(t *testing.T) {
	t.Parallel()
	store := newStore()
	var ready atomic.Bool
	ready.Store(true)
	inBubble(t, store, notices.Config{Ready: ready.Load}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		ready.Store(false)
		store.append(agency, alice)
		hub.Wake(alice)
		time.Sleep(5 * time.Second)
		require.Empty(t, received(s))
		_, err := hub.Subscribe(t.Context(), notices.Subscriber{ParentAccount: agency, UserID: bob}, 0)
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		_, err = hub.Head(t.Context(), agency)
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))

		ready.Store(true)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{id(1)}, received(s))
	})
}

func TestBrokenStoreDelaysAndLosesNothing(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		store.setBroken(true)
		store.append(agency, alice)
		time.Sleep(10 * time.Second)
		require.Empty(t, received(s))
		store.setBroken(false)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{id(1)}, received(s))
	})
}

func TestRetentionEndsWhatCanBeResumed(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		store.appendAt(time.Now().Add(-8*24*time.Hour), agency, alice)
		store.appendAt(time.Now().Add(-6*24*time.Hour), agency, alice)
		require.Equal(t, []string{id(2)}, received(subscribe(t, hub, agency, alice, 0)))
	})
}

func TestConnectionsOfOneUserAreLimited(t *testing.T) {
	t.Parallel()
	inBubble(t, newStore(), notices.Config{MaxPerUser: 2}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		first := subscribe(t, hub, agency, alice, 0)
		subscribe(t, hub, agency, alice, 0)
		_, err := hub.Subscribe(t.Context(), notices.Subscriber{ParentAccount: agency, UserID: alice}, 0)
		require.Equal(t, domain.CodeRateLimited, domain.CodeOf(err))
		first.Close()
		first.Close()
		subscribe(t, hub, agency, alice, 0)
	})
}

func TestEndOfTheHubCutsEveryConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub, err := notices.New(newStore(), notices.Config{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- hub.Run(ctx) }()
		s := subscribe(t, hub, agency, alice, 0)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, []string{"closed"}, received(s))
		require.ErrorIs(t, s.Reason(), notices.ErrClosed)
		_, err = hub.Subscribe(t.Context(), notices.Subscriber{ParentAccount: agency, UserID: alice}, 0)
		require.ErrorIs(t, err, notices.ErrClosed)
	})
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := notices.New(newStore(), notices.Config{Sweep: -1})
	require.Error(t, err)
}

func TestFoldedRecordIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, notices.Config{Sweep: time.Hour}, func(t *testing.T, hub *notices.Hub) {
		t.Helper()
		s := subscribe(t, hub, agency, alice, 0)
		require.Empty(t, received(s))
		store.append(agency, alice)
		hub.Folded(agency2, agency)
		require.Equal(t, []string{id(1)}, received(s), "without any wake-up before")
		hub.WakeParent(agency)
		time.Sleep(100 * time.Millisecond) // the next look of its own is 60 ms away
		store.append(agency, alice)
		hub.Folded(agency)
		require.Equal(t, []string{id(2)}, received(s), "between two looks that follow a wake-up")
		time.Sleep(time.Minute)
		scans, _ := store.queries()
		hub.Folded(agency2)
		time.Sleep(time.Minute)
		again, _ := store.queries()
		require.Equal(t, scans, again, "nobody listens there, and nothing is followed up for ever")
	})
}
