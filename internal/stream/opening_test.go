package stream_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

var errAwayForGood = domain.NewError(domain.CodeForbidden, "no longer active")

func TestNoticeStreamResumesAfterCursor(t *testing.T) {
	t.Parallel()
	who := stream.Listener{ParentAccount: agency, UserID: alice}
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		for range 4 {
			store.append(agency, alice)
		}
		for name, at := range map[string]struct{ query, header string }{
			"by header":                      {"", id(2)},
			"by query parameter":             {"?last_event_id=" + id(2), ""},
			"as a polyfill spells it":        {"?lastEventId=" + id(2), ""},
			"in another case":                {"?LAST_EVENT_ID=" + id(2), ""},
			"appended by a polyfill":         {"?last_event_id=" + id(0) + "&x=1&lastEventId=" + id(2), ""},
			"repeated by a polyfill":         {"?lastEventId=" + id(0) + "&lasteventid=" + id(2) + "&last_event_id=", ""},
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
func TestReconnectAfterLostAccessGetsRemainingNotices(t *testing.T) {
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

func TestClosedBoardSendsNotice(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
		l := subscribe(t, hub, agency, alice, 0).afterStart()
		store.append(agency, alice)
		store.close(agency, alice, client1, client2)
		hub.Wake(t.Context(), agency, 2)
		blocks := l.take()
		require.Len(t, blocks, 2)
		require.Equal(t, "event: client_access_removed\nid: "+id(1)+"\ndata: {\"user_id\":\""+alice+"\"}", blocks[0])
		require.Equal(t, "event: board_closed\nid: "+id(2)+"\n"+
			`data: {"user_id":"`+alice+`","sub_account_ids":["`+client1+`","`+client2+`"]}`, blocks[1])
	})
}

// The delay comes with data and with the cursor of the listener, if it has one: some clients ignore
// a delay without data, and forget their cursor at an event without an id.
func TestRetryEventHasDataAndCursor(t *testing.T) {
	t.Parallel()
	for query, id := range map[string]string{
		"": "", "?last_event_id=x.7": "id: x.7\n", "?lastEventId=": "", "?lastEventId=a%0Adata:b%0D%00": "id: a data:b  \n",
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+query, http.NoBody)
		stream.RetryLater(w, r, 5*time.Second, "one\nevent: forged\n")
		require.Equal(t, http.StatusOK, w.Code)
		require.Regexp(t, `^retry: [56]\d{3}\n: one event: forged \nevent: retry_later\n`+id+`data: {}\n\n$`, w.Body.String())
		require.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
	}
}

// noFlush is a response that cannot be flushed, as some middlewares make it.
type noFlush struct{ http.ResponseWriter }

// Events that would not arrive before the end of the stream are not sent. The operator reads about
// it once.
func TestUnflushableStreamEndsWithRetryEvent(t *testing.T) {
	t.Parallel()
	var log ledgertest.Output
	inBubbleWith(t, stream.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		for _, serve := range []func(http.ResponseWriter, *http.Request, stream.Listener) error{hub.ServeNotices, hub.ServeFigures, hub.ServeNotices} {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			require.NoError(t, serve(noFlush{w}, r, stream.Listener{ParentAccount: agency, UserID: alice}))
			require.Equal(t, http.StatusOK, w.Code)
			require.Regexp(t, `^retry: 6[01]\d{3}\n: Events cannot be sent: [^\n]+\nevent: retry_later\ndata: {}\n\n$`, w.Body.String())
		}
	})
	require.Equal(t, 1, strings.Count(log.String(), "does not support flushing"), log.String())
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))
}
