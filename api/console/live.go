package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const streamPath = root + "/stream"

const checkSessionEvery = 10 * time.Second

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
	return liveStream{"/api/live?" + forwarded(asked.Encode()), at.Get("dashboard")}, nil
}

func openNotices(*visit) (view, error) { return liveStream{"/api/notices", ""}, nil }

// liveStream is a stream of the API. A page with a board's figures has only the stream of figures,
// because browsers open few connections to a host.
type liveStream struct {
	path  forwarded
	board string // id of the board whose figures are streamed; "": none
}

func (v *visit) stream(live liveStream) int {
	whole := v.r
	ctx, cancel := context.WithCancel(whole.Context())
	defer cancel()
	session := &visit{Console: v.Console, r: whole, w: &answer{header: http.Header{}}}
	go session.watch(ctx, cancel)
	v.r = whole.WithContext(ctx)
	status := v.pass(live.path)
	v.r = whole
	if status == http.StatusOK && live.board != "" && ctx.Err() == nil {
		reportClosed(v, live.board)
	}
	return status
}

// watch calls cancel once the visitor's session has ended. The API itself ends the streams of
// people who lose their rights.
func (v *visit) watch(ctx context.Context, cancel func()) {
	ticks := time.NewTicker(checkSessionEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		find := findSession
		if v.deps.Application != nil {
			find = callerOf
		}
		signedIn, err := find(v)
		code := domain.CodeOf(err)
		if !signedIn && (err == nil || code == domain.CodeForbidden || code == domain.CodeUnauthenticated) {
			cancel()
			return
		}
	}
}

// reportClosed runs after the API has ended a stream of a board's figures. If the visitor can no
// longer open the board, it sends the event that the stream of notices would send. Otherwise the
// browser reconnects.
func reportClosed(v *visit, board string) {
	_, _, err := boardAt(v, board)
	if code := domain.CodeOf(err); code != domain.CodeForbidden && code != domain.CodeNotFound {
		return
	}
	control := http.NewResponseController(v.w)
	_ = control.SetWriteDeadline(time.Now().Add(v.patience))
	_, _ = fmt.Fprintf(v.w, "event: %s\ndata: {\"sub_account_ids\":[%q]}\n\n", domain.NoticeBoardClosed, board)
	_ = control.Flush()
}
