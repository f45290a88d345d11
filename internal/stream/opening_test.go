package stream_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

var errAwayForGood = domain.NewError(domain.CodeForbidden, "no longer active")

func TestStreamResumesAfterItsCursor(t *testing.T) {
	t.Parallel()
	who := stream.Listener{ParentAccount: agency, UserID: alice}
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		for range 4 {
			store.append(agency, alice)
		}
		for name, at := range map[string]struct{ query, header string }{
			"by header":                      {"", id(2)},
			"by query parameter":             {"?last_event_id=" + id(2), ""},
			"the header overrides it":        {"?last_event_id=" + id(0), id(2)},
			"upper case is the same account": {"", strings.ToUpper(agency) + ".2"},
		} {
			l := (&listener{query: at.query}).open(t, hub.ServeNotices, who, at.header)
			require.Equal(t, []string{id(3), id(4)}, l.ids(), name)
		}
		for _, cursor := range []string{
			"7", "x", agency, agency + ".", agency + ".x", agency2 + ".1", agency + ".-1", agency + ".+1", agency + ".01", agency + ".1.2",
			agency + ".9223372036854775808", "zzzzzzzzzzzzzzzzzzzzzzzz.1", "short.1", agency + "a.1",
		} {
			l := (&listener{}).open(t, hub.ServeNotices, who, cursor)
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(l.fault), "%s does not belong to this stream", cursor)
		}
	})
}

// A listener that lost its access while it was disconnected gets the remaining notices when it
// returns, and nothing after them.
func TestLostAccessAtTheOpening(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		store.append(agency, alice)
		who := stream.Listener{ParentAccount: agency, UserID: alice}
		back := (&listener{refusal: errAwayForGood}).open(t, hub.ServeNotices, who, id(0))
		require.NoError(t, back.fault)
		require.Equal(t, []string{id(1), "closed"}, back.ids())
		require.ErrorIs(t, back.reason(), stream.ErrAccessLost)
		for _, cursor := range []string{id(1), ""} {
			again := (&listener{refusal: errAwayForGood}).open(t, hub.ServeNotices, who, cursor)
			require.ErrorIs(t, again.fault, errAwayForGood, "refused, so that it does not reconnect")
		}
		figures := (&listener{refusal: errAwayForGood}).open(t, hub.ServeFigures, who, "")
		require.ErrorIs(t, figures.fault, errAwayForGood)
		later := (&listener{refusal: errAway}).open(t, hub.ServeNotices, who, id(0))
		require.ErrorIs(t, later.fault, errAway, "it is unknown: it reconnects")
	})
}

func TestBoardClosedIsANotice(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		l := subscribe(t, hub, agency, alice, 0).afterStart()
		store.append(agency, alice)
		store.close(agency, alice, client1, client2)
		hub.Wake(t.Context(), agency)
		blocks := l.take()
		require.Len(t, blocks, 2)
		require.Equal(t, "event: client_access_removed\nid: "+id(1)+"\ndata: {\"user_id\":\""+alice+"\"}", blocks[0])
		require.Equal(t, "event: board_closed\nid: "+id(2)+"\n"+
			`data: {"user_id":"`+alice+`","sub_account_ids":["`+client1+`","`+client2+`"]}`, blocks[1])
	})
}

func TestLaterSendsTheRetryDelayInOneBlock(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	stream.RetryLater(w, 5*time.Second, "one\nevent: forged\n")
	require.Equal(t, http.StatusOK, w.Code)
	require.Regexp(t, `^retry: [56]\d{3}\n\n: one event: forged \n\n$`, w.Body.String())
	raw, err := json.Marshal(w.Header())
	require.NoError(t, err)
	require.Contains(t, string(raw), "text/event-stream")
}
