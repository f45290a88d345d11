package stream_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

func user(i int) string { return fmt.Sprintf("%024x", i+1) }

// subscribe listens for notices after a version.
func subscribe(t *testing.T, hub *stream.Hub, parent, user string, after int64) *listener {
	t.Helper()
	return listen(t, hub, stream.Listener{ParentAccount: parent, UserID: user}, after)
}

func listen(t *testing.T, hub *stream.Hub, who stream.Listener, after int64) *listener {
	t.Helper()
	l := (&listener{}).open(t, hub.ServeNotices, who, stream.FormatID(who.ParentAccount, after))
	require.NoError(t, l.fault)
	return l
}

func id(version int64) string { return stream.FormatID(agency, version) }

func TestWakeSendsNewNoticesImmediately(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		s := subscribe(t, hub, agency, alice, 0)
		require.Empty(t, s.ids())
		store.append(agency, alice)
		require.Empty(t, s.ids())
		hub.Wake(t.Context(), agency2, 1)
		hub.Wake(t.Context(), agency, 1)
		require.Equal(t, []string{id(1)}, s.ids(), "no time has passed: it was not a sweep")
		_, looks := store.queries()
		hub.Wake(t.Context(), agency2, 2)
		time.Sleep(3 * time.Second)
		_, again := store.queries()
		require.Equal(t, looks, again, "the other agency has no listeners, and a sweep finds no new head")
		store.append(agency, alice)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{id(2)}, s.ids(), "a sweep finds it without a wake-up")
	})
}

// A stream that has read the head still gets the notices after it if another stream that starts at
// the same time has read a newer head.
func TestStreamStartMissesNoNoticeIfHeadMoves(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		read := make(chan struct{})
		store.read = func() { <-read }
		first := (&listener{}).open(t, hub.ServeNotices, stream.Listener{ParentAccount: agency, UserID: alice}, "")
		version := store.append(agency, alice)
		subscribe(t, hub, agency, bob, version)
		close(read)
		hub.Wake(t.Context(), agency, version)
		require.Equal(t, []string{id(version)}, first.ids())
	})
}

func TestIdleConnectionsShareOneQuery(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		const connections = 10_000
		for i := range connections {
			subscribe(t, hub, fmt.Sprintf("%024x", i%50), user(i), 0)
		}
		time.Sleep(3 * time.Second)
		scansBefore, looksBefore := store.queries()
		time.Sleep(20 * time.Second)
		scans, looks := store.queries()
		require.LessOrEqual(t, scans-scansBefore, 12, "one query per sweep for all of them")
		require.Equal(t, looksBefore, looks, "none of them is queried separately")
	})
}

func TestRecordWithManyNoticesReachesEveryUser(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		const users = 2500
		all := make([]string, users)
		subscriptions := make([]*listener, users)
		for i := range users {
			all[i] = user(i)
			subscriptions[i] = subscribe(t, hub, agency, all[i], 0)
		}
		synctest.Wait()
		store.append(agency, all...)
		store.announce(t, hub, all[users-1])
		for i, s := range subscriptions[:users-1] {
			require.Equal(t, []string{id(1)}, s.ids(), "user %d", i)
		}
		require.Equal(t, []string{id(1), id(2)}, subscriptions[users-1].ids())
	})
}

func TestMissedNoticesAreReadInPages(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		var want []string
		for range 200 {
			want = append(want, id(store.append(agency, alice)))
		}
		s := subscribe(t, hub, agency, alice, 0)
		require.Equal(t, want, s.ids())
		_, looks := store.queries()
		require.Greater(t, looks, 1, "they do not fit into one page")
		store.announce(t, hub, alice)
		require.Equal(t, []string{id(201)}, s.ids(), "it continues live")
	})
}

// A cursor beyond the head is made up or belongs to a log that was replaced by a restore: the stream
// starts at the head and says that the notices in between are unknown.
func TestCursorBeyondTheHeadStartsAtTheHead(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		beyond := subscribe(t, hub, agency, bob, 1_000_000)
		require.Equal(t, "event: notice_cursor\nid: "+id(0)+"\ndata: {\"all\":true}", beyond.take()[0])
		s := subscribe(t, hub, agency, alice, 0)
		require.Equal(t, "event: notice_cursor\nid: "+id(0)+"\ndata: {\"all\":false}", s.take()[0])
		store.append(agency, alice, bob)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{id(1)}, s.ids())
		require.Equal(t, []string{id(1)}, beyond.ids())
	})
}

func TestStreamEndsWhenTokenExpires(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		s := listen(t, hub, stream.Listener{ParentAccount: agency, UserID: alice, ExpiresAt: time.Now().Add(90 * time.Second)}, 0)
		time.Sleep(89 * time.Second)
		require.Empty(t, s.ids())
		time.Sleep(time.Second)
		require.Equal(t, []string{"closed"}, s.ids())
		require.ErrorIs(t, s.reason(), stream.ErrExpired)
	})
}

func TestStreamEndsAfterAccessLostNotice(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		s, other := subscribe(t, hub, agency, alice, 0), subscribe(t, hub, agency, bob, 0)
		s.refuse(errAway)
		time.Sleep(3 * time.Minute)
		require.Empty(t, s.ids(), "a failed check disconnects no one")

		store.append(agency, alice)
		s.refuse(domain.NewError(domain.CodeForbidden, "not active"))
		time.Sleep(time.Minute)
		require.Equal(t, []string{id(1), "closed"}, s.ids())
		require.ErrorIs(t, s.reason(), stream.ErrAccessLost)
		require.Empty(t, other.ids())
	})
}

// A listener that lost its access gets the notice that says so, even if the store fails at that
// moment.
func TestLostAccessNoticeIsSentDespiteStoreFaults(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		s := subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		store.setBroken(true)
		store.append(agency, alice)
		s.refuse(domain.NewError(domain.CodeForbidden, "not active"))
		time.Sleep(3 * time.Minute)
		require.Empty(t, s.ids())
		store.setBroken(false)
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{id(1), "closed"}, s.ids())
		require.ErrorIs(t, s.reason(), stream.ErrAccessLost)
	})
}

func TestNothingIsSentBeforeTheReadModelIsReady(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	ready.Store(true)
	inBubbleWith(t, stream.Config{Ready: ready.Load}, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		s := subscribe(t, hub, agency, alice, 0)
		synctest.Wait()
		ready.Store(false)
		store.announce(t, hub, alice)
		// a read model that is being built contains no users
		s.refuse(domain.NewError(domain.CodeNotFound, "no such user"))
		time.Sleep(3 * time.Minute)
		s.refuse(nil)
		require.Empty(t, s.ids(), "access is not checked either: the stock client does not reconnect after a disconnect")
		for _, lastID := range []string{id(0), ""} {
			refused := (&listener{}).open(t, hub.ServeNotices, stream.Listener{ParentAccount: agency, UserID: bob}, lastID)
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(refused.fault))
		}
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(hub.Ready()))

		ready.Store(true)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{id(1)}, s.ids())
	})
}

func TestResumeIsLimitedByNoticeRetention(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		store.appendAt(time.Now().Add(-8*24*time.Hour), agency, alice)
		store.appendAt(time.Now().Add(-6*24*time.Hour), agency, alice)
		require.Equal(t, []string{id(2)}, subscribe(t, hub, agency, alice, 0).ids())
	})
}

func TestConnectionsOfOneUserAreLimited(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		first := subscribe(t, hub, agency, alice, 0)
		for range 63 {
			subscribe(t, hub, agency, alice, 0)
		}
		refused := (&listener{}).open(t, hub.ServeNotices, stream.Listener{ParentAccount: agency, UserID: alice}, "")
		require.Equal(t, domain.CodeRateLimited, domain.CodeOf(refused.fault))
		subscribe(t, hub, agency, bob, 0)
		first.close()
		subscribe(t, hub, agency, alice, 0)
		for range 64 {
			require.NoError(t, open(t, hub, &listener{}, "").fault)
		}
		require.Equal(t, domain.CodeRateLimited, domain.CodeOf(open(t, hub, &listener{}, "").fault), "streams of figures too")
	})
}

func TestEndOfTheHubClosesEveryConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub, stop := start(t, newStore(), stream.Config{})
		s, figures := subscribe(t, hub, agency, alice, 0), open(t, hub, &listener{}, "")
		stop()
		require.Equal(t, []string{"closed"}, s.ids())
		require.ErrorIs(t, s.reason(), stream.ErrClosed)
		require.ErrorIs(t, figures.reason(), stream.ErrClosed)
		refused := (&listener{}).open(t, hub.ServeNotices, stream.Listener{ParentAccount: agency, UserID: alice}, "")
		require.ErrorIs(t, refused.fault, stream.ErrClosed)
		require.ErrorIs(t, open(t, hub, &listener{}, "").fault, stream.ErrClosed)
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(agency + ".17")
	f.Add("x.y")
	f.Fuzz(func(t *testing.T, text string) {
		parent, version, ok := stream.ParseID(text)
		if !ok {
			return
		}
		again, sameVersion, ok := stream.ParseID(stream.FormatID(parent, version))
		require.True(t, ok)
		require.Equal(t, parent, again)
		require.Equal(t, version, sameVersion)
	})
}
