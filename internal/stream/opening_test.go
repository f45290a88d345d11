package stream_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

var errAwayForGood = domain.NewError(domain.CodeForbidden, "not active any more")

// Whoever lost its access while it was away is told what it is owed when it comes back, and nothing after that.
func TestLostAccessAtTheOpening(t *testing.T) {
	t.Parallel()
	store := newStore()
	store.append(agency, alice)
	inBubble(t, store, stream.Config{}, func(t *testing.T, hub *stream.Hub) {
		t.Helper()
		who := stream.Listener{ParentAccount: agency, UserID: alice}
		back := (&listener{refusal: errAwayForGood}).open(t, hub.ServeNotices, who, id(0))
		require.NoError(t, back.fault)
		require.Equal(t, []string{id(1), "closed"}, back.ids())
		require.ErrorIs(t, back.reason(), stream.ErrAccessLost)
		for _, cursor := range []string{id(1), ""} {
			again := (&listener{refusal: errAwayForGood}).open(t, hub.ServeNotices, who, cursor)
			require.ErrorIs(t, again.fault, errAwayForGood, "refused, so that it stays away")
		}
		figures := (&listener{refusal: errAwayForGood}).open(t, hub.ServeFigures, who, "")
		require.ErrorIs(t, figures.fault, errAwayForGood)
		later := (&listener{refusal: errAway}).open(t, hub.ServeNotices, who, id(0))
		require.ErrorIs(t, later.fault, errAway, "it is not known: it comes back")
	})
}

func TestAccessIsJudgedEveryEightSeconds(t *testing.T) {
	t.Parallel()
	inBubble(t, newStore(), stream.Config{}, func(t *testing.T, hub *stream.Hub) {
		t.Helper()
		notices, figures := subscribe(t, hub, agency, alice, 0), open(t, hub, &listener{}, "")
		notices.refuse(errAwayForGood)
		figures.refuse(errAwayForGood)
		time.Sleep(7 * time.Second)
		require.False(t, notices.over() || figures.over())
		time.Sleep(time.Second)
		require.True(t, notices.over() && figures.over())
	})
}

func TestBoardClosedIsToldAsANotice(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, stream.Config{}, func(t *testing.T, hub *stream.Hub) {
		t.Helper()
		l := subscribe(t, hub, agency, alice, 0)
		l.take()
		store.append(agency, alice)
		store.close(agency, alice, client1, client2)
		hub.Wake(agency)
		blocks := l.take()
		require.Len(t, blocks, 2)
		require.Equal(t, "event: client_access_removed\nid: "+id(1)+"\ndata: {\"user_id\":\""+alice+"\"}", blocks[0])
		require.Equal(t, "event: board_closed\nid: "+id(2)+"\n"+
			`data: {"user_id":"`+alice+`","sub_account_ids":["`+client1+`","`+client2+`"]}`, blocks[1])
	})
}

func signIn(parent, account string, connection int64) domain.FigureChange {
	return domain.FigureChange{
		Tenant: domain.Tenant{ParentAccount: parent, AccountID: account, MemberID: 7}, Platform: domain.LinkedIn,
		Figures: domain.NeedsSignIn, Connection: connection, At: time.Now().UTC(),
	}
}

// A connection that needs a sign-in is told to those who see its account, by an event of its own, once.
func TestConnectionThatNeedsASignInIsToldOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, hub *stream.Hub) {
		staff, client := open(t, hub, &listener{}, ""), open(t, hub, &listener{accounts: []string{client1}}, "")
		start := idOf(staff.take()[0])
		client.take()
		hub.Hear(payload(signIn(agency, client1, 70), signIn(agency, client2, 71), signIn(agency2, client1, 72), reading(agency, client1, 5)))
		told := staff.take()
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: connection_needs_sign_in", "event: figures_changed"}, firstLines(told))
		require.JSONEq(t, `{"account_id":"`+client1+`","member_id":7,"connection_id":70,"p_id":4}`, field(told[0], "data: "))
		require.Len(t, dataOf(t, told[2]).Changes, 1, "no figures changed by it")
		require.Equal(t, []string{start, start}, []string{idOf(told[0]), idOf(told[1])}, "whoever is cut here hears all of it again")
		require.NotEqual(t, start, idOf(told[2]))
		require.Equal(t, []string{"event: connection_needs_sign_in", "event: figures_changed"}, firstLines(client.take()))

		again := signIn(agency, client1, 70)
		again.At = again.At.Add(-time.Minute) // an older set of tables is folded later
		hub.Hear(payload(again))
		time.Sleep(2 * time.Second)
		require.Empty(t, staff.take(), "it was told")
		hub.Hear(payload(signIn(agency, client1, 70)))
		time.Sleep(2 * time.Second)
		alone := staff.take()
		require.Len(t, alone, 1)
		require.NotEqual(t, idOf(told[2]), idOf(alone[0]), "it is the last of its step")
		staff.close()
		resumed := open(t, hub, &listener{}, idOf(alone[0]))
		require.Equal(t, []string{": connected"}, firstLines(resumed.take()), "not again")
	})
}

func TestManySignInsAreToldEachByItself(t *testing.T) {
	t.Parallel()
	var changes domain.FigureChanges
	for i := range int64(600) {
		changes.Add(signIn(agency, client1, 1000+i))
		changes.Add(reading(agency, client1, 2000+i))
	}
	require.Len(t, changes.Named(), 601)
}

func TestLaterSaysWhenToComeBackInOneBlock(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	stream.Later(w, 5*time.Second, "one\nevent: forged\n")
	require.Equal(t, http.StatusOK, w.Code)
	require.Regexp(t, `^retry: [56]\d{3}\n\n: one event: forged \n\n$`, w.Body.String())
	raw, err := json.Marshal(w.Header())
	require.NoError(t, err)
	require.Contains(t, string(raw), "text/event-stream")
}
