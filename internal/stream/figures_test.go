package stream_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// open listens for figures.
func open(t *testing.T, hub *stream.Hub, l *listener, lastID string, change ...func(*stream.Listener)) *listener {
	t.Helper()
	who := stream.Listener{ParentAccount: agency, UserID: alice}
	for _, c := range change {
		c(&who)
	}
	return l.open(t, hub.ServeFigures, who, lastID)
}

func payload(changes ...domain.FigureChange) string {
	raw, err := json.Marshal(changes)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func reading(parent, account string, social int64) domain.FigureChange {
	return domain.FigureChange{
		Tenant:   domain.Tenant{ParentAccount: parent, AccountID: account, MemberID: 7, SocialAccount: social},
		Platform: domain.TikTok, Figures: domain.FiguresOfAccount,
	}
}

// idOf and dataOf return parts of an event.
func idOf(block string) string { return field(block, "id: ") }

func dataOf(t *testing.T, block string) (event stream.Event) {
	t.Helper()
	require.True(t, strings.HasPrefix(block, "event: figures_changed\n"), block)
	require.NoError(t, json.Unmarshal([]byte(field(block, "data: ")), &event), block)
	return event
}

func TestChangesAreSentOncePerSecond(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := open(t, hub, &listener{}, "")
		require.Equal(t, []string{"event: live_cursor"}, firstLines(l.take()), "its position at once")
		hub.Notify(payload(reading(agency, client1, 70)))
		blocks := l.take()
		require.Len(t, blocks, 1, "the first change after a quiet time is sent at once")
		require.JSONEq(t, `{"all":false,"changes":[{"account_id":"`+client1+`","member_id":7,"social_account_id":70,"p_id":6,"figures":"account"}]}`,
			field(blocks[0], "data: "))
		for range 10 {
			hub.Notify(payload(reading(agency, client1, 70), reading(agency, client2, 71)))
			time.Sleep(50 * time.Millisecond)
		}
		require.Empty(t, l.take(), "the second has not passed")
		time.Sleep(time.Second)
		blocks = l.take()
		require.Len(t, blocks, 1)
		require.Len(t, dataOf(t, blocks[0]).Changes, 2, "each change once")
	})
}

func TestListenersGetOnlyTheirOwnFigures(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		staff, client := open(t, hub, &listener{}, "").afterStart(), open(t, hub, &listener{accounts: []string{client1}}, "").afterStart()
		stranger := open(t, hub, &listener{}, "", func(w *stream.Listener) { w.ParentAccount = agency2 }).afterStart()
		hub.Notify(payload(reading(agency, client2, 71)))
		require.Len(t, staff.take(), 1)
		require.Empty(t, client.take(), "another client of the agency")
		time.Sleep(time.Second)
		hub.Notify(payload(reading(agency, client1, 70), reading(agency, client2, 71)))
		require.Len(t, dataOf(t, client.take()[0]).Changes, 1)
		require.Len(t, dataOf(t, staff.take()[0]).Changes, 2)
		require.Empty(t, stranger.take(), "another agency")
	})
}

// Events have no position: what a stream missed is unknown.
func TestReconnectedFiguresStreamReportsAllChanged(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		first := open(t, hub, &listener{}, "")
		cursor := idOf(first.take()[0])
		hub.Notify(payload(reading(agency, client1, 70)))
		last := idOf(first.take()[0])
		for _, id := range []string{cursor, last, "x"} {
			back := open(t, hub, &listener{}, id)
			blocks := back.take()
			require.Len(t, blocks, 1, id)
			require.True(t, dataOf(t, blocks[0]).All)
			require.NotEmpty(t, idOf(blocks[0]), "so that it says again that it reconnects")
			time.Sleep(time.Minute)
			require.Empty(t, back.take(), "once")
		}
	})
}

func TestInvalidChangePayloadReportsAllChanged(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := open(t, hub, &listener{accounts: []string{client1}}, "").afterStart()
		for _, payload := range []string{"*", "", "{"} {
			hub.Notify(payload)
			time.Sleep(2 * time.Second)
			blocks := l.take()
			require.Len(t, blocks, 1)
			require.JSONEq(t, `{"all":true,"changes":[]}`, field(blocks[0], "data: "))
		}
	})
}

func TestLargeChangeSetNamesOnlyAccounts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := open(t, hub, &listener{}, "").afterStart()
		var many []domain.FigureChange
		for social := range int64(501) {
			many = append(many, reading(agency, client1, social+1))
		}
		hub.Notify(payload(many...))
		synctest.Wait()
		require.JSONEq(t, `{"all":false,"changes":[{"account_id":"`+client1+`","member_id":null,"social_account_id":null,"p_id":null,"figures":"account"}]}`,
			field(l.take()[0], "data: "))
	})
}

func TestFiguresStreamEndsAtOnceAfterBoardIsClosed(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := open(t, hub, &listener{accounts: []string{client1}}, "").afterStart()
		hub.Wake(t.Context(), agency2, 1)
		synctest.Wait()
		asked := l.asked
		time.Sleep(time.Second)
		hub.Wake(t.Context(), agency, 2)
		require.Empty(t, l.take(), "its accounts are unchanged")
		require.Equal(t, asked+1, l.asked)
		l.see(client1, client2)
		time.Sleep(time.Second)
		hub.Wake(t.Context(), agency, 3)
		require.True(t, dataOf(t, l.take()[0]).All, "it sees other figures now")
		l.refuse(domain.NewError(domain.CodeUnavailable, "the database is away"))
		time.Sleep(time.Second)
		hub.Notify(payload(reading(agency, client2, 71)))
		require.Empty(t, l.take(), "a temporary fault disconnects no one and sends nothing")
		l.refuse(nil)
		time.Sleep(time.Second)
		require.Len(t, dataOf(t, l.take()[0]).Changes, 1, "and loses nothing")
		l.refuse(domain.NewError(domain.CodeForbidden, "closed"))
		time.Sleep(time.Second)
		hub.Wake(t.Context(), agency, 4)
		require.Equal(t, []string{": This listener has lost its access."}, l.take())
		require.True(t, l.over())
		require.False(t, hub.HasListeners(agency))
	})
}

// A listener that reads nothing delays no other, and gets what it missed as one event.
func TestSlowListenerDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		slow, quick := &listener{blocked: make(chan struct{})}, &listener{}
		open(t, hub, slow, "")
		open(t, hub, quick, "").take()
		for social := int64(70); social < 75; social++ {
			hub.Notify(payload(reading(agency, client1, social)))
			time.Sleep(2 * time.Second)
			require.Len(t, quick.take(), 1)
		}
		close(slow.blocked)
		blocks := slow.take()
		require.Len(t, blocks, 2, "its position and everything it missed at once")
		require.Len(t, dataOf(t, blocks[1]).Changes, 5)
	})
}

func firstLines(blocks []string) (lines []string) {
	for _, block := range blocks {
		first, _, _ := strings.Cut(block, "\n")
		lines = append(lines, first)
	}
	return lines
}

// endsIn returns an event for the end of a connection that is announced after a delay.
func endsIn(wait time.Duration, account string, connection int64, before time.Time) stream.ConnectionNews {
	return stream.ConnectionNews{
		ParentAccount: agency, AccountID: account, MemberID: 7, ConnectionID: connection, Platform: domain.Facebook,
		At: time.Now().Add(wait), SignInBefore: &before,
	}
}

// A connection that ends soon is announced once to those who see its account, including streams
// that return to another process.
func TestExpiringConnectionIsAnnouncedOnce(t *testing.T) {
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
		back, foreign := open(t, next, &listener{}, last), open(t, next, &listener{accounts: []string{client2}}, last)
		require.Equal(t, []string{"event: figures_changed"}, firstLines(back.take()), "connections are part of everything")
		require.Equal(t, []string{"event: figures_changed"}, firstLines(foreign.take()))
		time.Sleep(20 * time.Second)
		require.Contains(t, firstLines(back.take()), "event: connection_ends_soon")
		require.Empty(t, foreign.take())
		back.close()
		foreign.close()
		stop()
	})
}

// If several thresholds passed unannounced, only the last one is sent.
func TestOnlyLastPassedThresholdIsSent(t *testing.T) {
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

// A refusal whose row appears late is announced once.
func TestLateRefusalIsAnnounced(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		l := open(t, hub, &listener{}, "").afterStart()
		refused := endsIn(5*time.Second, client1, 70, time.Time{})
		refused.SignInBefore = nil
		store.addLateNews(15*time.Second, refused)
		time.Sleep(25 * time.Second)
		received := l.take()
		require.Equal(t, []string{"event: connection_needs_sign_in"}, firstLines(received), "a query ran before it appeared")
		time.Sleep(15 * time.Minute)
		require.Empty(t, l.take(), "once")
	})
}

func signIn(parent, account string, connection int64) domain.FigureChange {
	return domain.FigureChange{
		Tenant: domain.Tenant{ParentAccount: parent, AccountID: account, MemberID: 7}, Platform: domain.LinkedIn,
		Connection: connection,
	}
}

// refuse folds a refusal of a connection: its row appears, then its notification.
func refuse(hub *stream.Hub, store *memoryStore, refused ...domain.FigureChange) {
	for _, c := range refused {
		store.addNews(stream.ConnectionNews{
			ParentAccount: c.ParentAccount, AccountID: c.AccountID, MemberID: c.MemberID, ConnectionID: c.Connection, Platform: c.Platform, At: time.Now(),
		})
	}
	hub.Notify(payload(refused...))
}

// A connection that needs a sign-in is announced once, in its own event, to those who see its
// account.
func TestRequiredSignInIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		staff, client := open(t, hub, &listener{}, "").afterStart(), open(t, hub, &listener{accounts: []string{client1}}, "").afterStart()
		hub.Notify(payload(reading(agency, client2, 5)))
		staff.take()
		first := signIn(agency, client1, 70)
		refuse(hub, store, first, signIn(agency, client2, 71), signIn(agency2, client1, 72))
		hub.Notify(payload(reading(agency, client1, 5)))
		time.Sleep(time.Second)
		received := staff.take()
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: connection_needs_sign_in", "event: figures_changed"}, firstLines(received))
		require.JSONEq(t, `{"account_id":"`+client1+`","member_id":7,"connection_id":70,"p_id":4}`, field(received[0], "data: "))
		require.Len(t, dataOf(t, received[2]).Changes, 1, "no figures changed")
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: figures_changed"}, firstLines(client.take()))

		hub.Notify(payload(first)) // another generation is folded later
		time.Sleep(time.Minute)
		require.Empty(t, staff.take(), "it was sent")
		refuse(hub, store, signIn(agency, client1, 70))
		require.Equal(t, []string{"event: connection_needs_sign_in"}, firstLines(staff.take()), "refused again")
	})
}

func TestSignInChangesAreNotMergedByAccount(t *testing.T) {
	t.Parallel()
	var changes domain.FigureChanges
	for i := range int64(600) {
		changes.Add(signIn(agency, client1, 1000+i))
		changes.Add(reading(agency, client1, 2000+i))
	}
	require.Len(t, changes.Named(), 601)
}
