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

func TestStreamResumesWhereItWas(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := open(t, hub, &listener{}, "")
		id := idOf(l.take()[0])
		l.cancel()
		synctest.Wait()
		for social := int64(70); social < 73; social++ {
			hub.Notify(payload(reading(agency, client1, social)))
			time.Sleep(2 * time.Second)
		}
		back := open(t, hub, &listener{}, id).take()
		require.Equal(t, ": connected", back[0])
		require.Len(t, dataOf(t, back[1]).Changes, 3, "exactly what was missed, in one event")
		again := open(t, hub, &listener{}, idOf(back[1])).take()
		require.Equal(t, []string{": connected"}, again, "nothing was missed")
		process, place, _ := strings.Cut(id, ".")
		_, looked, _ := strings.Cut(place, ".")
		for _, unknown := range []string{
			"x", "x.1", "7", process, "another." + place, process + ".99." + looked, process + ".-1." + looked, process + ".0.-1", process + ".0",
		} {
			blocks := open(t, hub, &listener{}, unknown).take()
			require.Len(t, blocks, 1, unknown)
			require.True(t, dataOf(t, blocks[0]).All, "what it missed is unknown")
			require.NotEqual(t, unknown, idOf(blocks[0]))
		}
	})
}

func TestStreamThatReconnectsTooLateReadsEverything(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		id := idOf(open(t, hub, &listener{}, "").take()[0])
		for range 601 {
			hub.Notify(payload(reading(agency, client1, 70)))
			time.Sleep(2 * time.Second)
		}
		require.True(t, dataOf(t, open(t, hub, &listener{}, id).take()[1]).All)
	})
}

func TestUnknownChangesAreEverything(t *testing.T) {
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

func TestManyChangesNameTheirAccounts(t *testing.T) {
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

func TestAccessIsCheckedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := open(t, hub, &listener{accounts: []string{client1}}, "").afterStart()
		hub.Wake(t.Context(), agency2)
		synctest.Wait()
		asked := l.asked
		time.Sleep(time.Second)
		hub.Wake(t.Context(), agency)
		require.Empty(t, l.take(), "its accounts are unchanged")
		require.Equal(t, asked+1, l.asked)
		l.see(client1, client2)
		time.Sleep(time.Second)
		hub.Wake(t.Context(), agency)
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
		hub.Wake(t.Context(), agency)
		require.Equal(t, []string{": This listener has lost its access."}, l.take())
		require.True(t, l.over())
		require.False(t, hub.HasListeners(agency))
	})
}

// A listener that reads nothing delays no other, and nothing is buffered for it.
func TestSlowListenerDelaysNoOther(t *testing.T) {
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
