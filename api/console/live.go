package console

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const streamPath = root + "/stream"

// streamFor is the maximum duration of a stream. The browser then reconnects and the session is
// checked again, so a stream soon ends after its session.
const streamFor = time.Minute

// live is the address of the stream that reports changes of these figures.
func (f figures) live() string { return streamPath + "?" + f.scope.Encode() }

// openStream forwards the API's stream of changed figures until the session ends.
func openStream(v *visit) (view, error) {
	at, asked := v.r.URL.Query(), url.Values{}
	for _, name := range []string{"account", "dashboard"} {
		if at.Has(name) {
			asked.Set(name, at.Get(name))
		}
	}
	if last := v.r.Header.Get("Last-Event-ID"); last != "" {
		asked.Set("last_event_id", last)
	}
	if soon := v.console.deps.Now().Add(streamFor); v.who.ExpiresAt.IsZero() || soon.Before(v.who.ExpiresAt) {
		v.who.ExpiresAt = soon
	}
	stream := forwarded("/api/live?" + asked.Encode())
	if board := at.Get("dashboard"); board != "" {
		return boardStream{stream, board}, nil
	}
	return stream, nil
}

// boardStream is the stream of a board's figures. It is the only stream of the page, because
// browsers open few connections to a host.
type boardStream struct {
	stream forwarded
	board  string
}

// reportClosed runs after a stream of figures has ended. If the board is closed to the visitor, it
// appends the event of the notice stream. The API ends such a stream immediately; after any other
// end the browser reconnects.
func reportClosed(v *visit, board string) {
	if v.r.Context().Err() != nil {
		return
	}
	_, err := boardOf(v, board)
	if code := domain.CodeOf(err); code != domain.CodeForbidden && code != domain.CodeNotFound {
		return
	}
	control := http.NewResponseController(v.w)
	_ = control.SetWriteDeadline(time.Now().Add(v.console.patience))
	_, _ = fmt.Fprintf(v.w, "event: %s\ndata: {\"sub_account_ids\":[%q]}\n\n", domain.NoticeBoardClosed, board)
	_ = control.Flush()
}
