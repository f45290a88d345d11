package stream_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// endsIn returns an event for the end of a connection that is announced after a delay.
func endsIn(wait time.Duration, account string, connection int64, before time.Time) stream.ConnectionNews {
	return stream.ConnectionNews{
		ParentAccount: agency, AccountID: account, MemberID: 7, ConnectionID: connection, Platform: domain.Facebook,
		At: time.Now().Add(wait), SignInBefore: &before,
	}
}

// A connection that ends soon is announced once to those who see its account, including streams
// that return to another process.
func TestConnectionThatEndsSoonIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	store := newStore()
	synctest.Test(t, func(t *testing.T) {
		hub, stop := start(t, store, stream.Config{})
		staff, client := open(t, hub, &listener{}, "").afterStart(), open(t, hub, &listener{accounts: []string{client2}}, "").afterStart()
		end := time.Date(2026, 12, 5, 12, 0, 0, 0, time.UTC)
		refused := endsIn(25*time.Second, client1, 71, end)
		refused.SignInBefore = nil // its notification was lost
		store.addNews(
			endsIn(-time.Hour, client1, 69, end), endsIn(15*time.Second, client1, 70, end), refused, endsIn(100*time.Second, client1, 72, end),
		)
		time.Sleep(25 * time.Second)
		received := staff.take()
		require.Equal(t, []string{"event: connection_ends_soon"}, firstLines(received))
		require.JSONEq(t, `{"account_id":"`+client1+`","member_id":7,"connection_id":70,"p_id":1,"sign_in_before":"2026-12-05T12:00:00Z"}`,
			field(received[0], "data: "))
		last := idOf(received[0])
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"event: connection_needs_sign_in"}, firstLines(staff.take()))
		require.Empty(t, firstLines(client.take()), "another account")
		staff.close()
		client.close()
		stop()

		time.Sleep(time.Minute)
		next, stop := start(t, store, stream.Config{})
		time.Sleep(time.Second)
		back, foreign := open(t, next, &listener{}, last), open(t, next, &listener{accounts: []string{client2}}, last)
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: figures_changed"}, firstLines(back.take()),
			"events after the id, but not before it")
		require.Equal(t, []string{"event: figures_changed"}, firstLines(foreign.take()))
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"event: connection_ends_soon"}, firstLines(back.take()))
		store.setBroken(true)
		require.ErrorIs(t, (&listener{}).open(t, next.ServeFigures, stream.Listener{ParentAccount: agency, UserID: alice}, last).fault, errAway,
			"missed events cannot be read now: it reconnects")
		back.close()
		foreign.close()
		stop()
	})
}

// If several thresholds passed unannounced, only the last one is sent.
func TestNewestEventOfAConnectionIsSent(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		l := open(t, hub, &listener{}, "").afterStart()
		first, second := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		store.addNews(endsIn(time.Second, client1, 70, first), endsIn(2*time.Second, client1, 70, second))
		time.Sleep(11 * time.Second)
		received := l.take()
		require.Len(t, received, 1)
		require.Contains(t, received[0], second.UTC().Format(time.RFC3339))
	})
}

// A refusal whose row appears late is announced once, also by another process.
func TestLateRefusalIsAnnounced(t *testing.T) {
	t.Parallel()
	store := newStore()
	synctest.Test(t, func(t *testing.T) {
		hub, stop := start(t, store, stream.Config{})
		l := open(t, hub, &listener{}, "").afterStart()
		late := func(at, shown time.Duration, connection int64) {
			refused := endsIn(at, client1, connection, time.Time{})
			refused.SignInBefore = nil
			store.addLateNews(shown, refused)
		}
		late(5*time.Second, 15*time.Second, 70)
		time.Sleep(25 * time.Second)
		received := l.take()
		require.Equal(t, []string{"event: connection_needs_sign_in"}, firstLines(received), "a query ran before it appeared")
		time.Sleep(15 * time.Minute)
		require.Empty(t, l.take(), "once")

		hub.Notify(payload(reading(agency, client1, 70)))
		late(-time.Second, time.Second, 71)
		late(-time.Second, 20*time.Second, 72)
		last := idOf(l.take()[0])
		l.close()
		stop()
		time.Sleep(5 * time.Second)
		next, stop := start(t, store, stream.Config{})
		back := open(t, next, &listener{}, last)
		received = back.take()
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: figures_changed"}, firstLines(received), "it appeared after its id")
		require.Contains(t, received[0], `"connection_id":71`)
		time.Sleep(10 * time.Minute)
		received = back.take()
		require.Len(t, received, 1, "what the queries found, without what was sent at the start")
		require.Contains(t, received[0], `"connection_id":72`)
		back.close()
		stop()
	})
}

func signIn(parent, account string, connection int64) domain.FigureChange {
	return domain.FigureChange{
		Tenant: domain.Tenant{ParentAccount: parent, AccountID: account, MemberID: 7}, Platform: domain.LinkedIn,
		Figures: domain.NeedsSignIn, Connection: connection, At: time.Now().UTC(),
	}
}

// A connection that needs a sign-in is announced once, in its own event, to those who see its
// account.
func TestConnectionThatNeedsASignInIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		staff, client := open(t, hub, &listener{}, ""), open(t, hub, &listener{accounts: []string{client1}}, "").afterStart()
		start := idOf(staff.take()[0])
		hub.Notify(payload(signIn(agency, client1, 70), signIn(agency, client2, 71), signIn(agency2, client1, 72), reading(agency, client1, 5)))
		received := staff.take()
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: connection_needs_sign_in", "event: figures_changed"}, firstLines(received))
		require.JSONEq(t, `{"account_id":"`+client1+`","member_id":7,"connection_id":70,"p_id":4}`, field(received[0], "data: "))
		require.Len(t, dataOf(t, received[2]).Changes, 1, "no figures changed")
		require.Equal(t, []string{start, start}, []string{idOf(received[0]), idOf(received[1])}, "a listener disconnected here gets all of it again")
		require.NotEqual(t, start, idOf(received[2]))
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: figures_changed"}, firstLines(client.take()))

		again := signIn(agency, client1, 70)
		again.At = again.At.Add(-time.Minute) // an older generation is folded later
		hub.Notify(payload(again))
		time.Sleep(2 * time.Second)
		require.Empty(t, staff.take(), "it was sent")
		hub.Notify(payload(signIn(agency, client1, 70)))
		time.Sleep(2 * time.Second)
		alone := staff.take()
		require.Len(t, alone, 1)
		require.NotEqual(t, idOf(received[2]), idOf(alone[0]), "it is the last of its step")
		staff.close()
		resumed := open(t, hub, &listener{}, idOf(alone[0]))
		require.Equal(t, []string{": connected"}, firstLines(resumed.take()), "not again")
	})
}

func TestEachSignInIsAnnouncedSeparately(t *testing.T) {
	t.Parallel()
	var changes domain.FigureChanges
	for i := range int64(600) {
		changes.Add(signIn(agency, client1, 1000+i))
		changes.Add(reading(agency, client1, 2000+i))
	}
	require.Len(t, changes.Named(), 601)
}
