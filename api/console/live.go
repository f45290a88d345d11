package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/ledgerboard/ledgerboard/api"
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
	return liveStream{"/api/live?" + asked.Encode(), at.Get("dashboard")}, nil
}

func openNotices(*visit) (view, error) { return liveStream{"/api/notices", ""}, nil }

// liveStream is a stream of the API. A page with a board's figures has only the stream of figures,
// because browsers open few connections to a host.
type liveStream struct {
	path  string
	board string // id of the board whose figures are streamed; "": none
}

func (v *visit) stream(live liveStream) int {
	whole := v.r
	ctx, cancel := context.WithCancel(whole.Context())
	defer cancel()
	session := &visit{Console: v.Console, r: whole, w: unwritten{http.Header{}}}
	go session.watch(ctx, cancel)
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{}) // each write has one
	w := middleware.NewWrapResponseWriter(v.w, whole.ProtoMajor)
	v.deps.API.ServeHTTP(w, v.request(ctx, live.path))
	if w.Status() == http.StatusOK && live.board != "" && ctx.Err() == nil {
		reportClosed(v, live.board)
	}
	return w.Status()
}

// request returns a request for a stream of the API as the visitor, without cookies and browser
// headers. Its context has no route context of a main application's router, because the API's router
// would continue from that.
func (v *visit) request(ctx context.Context, path string) *http.Request {
	ctx = api.WithPrincipal(context.WithValue(ctx, chi.RouteCtxKey, nil), v.who)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	if err != nil { // the path is encoded
		r, _ = http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	}
	r.RemoteAddr, r.Host, r.RequestURI = v.r.RemoteAddr, v.r.Host, path
	return r
}

// unwritten is a response that is not sent.
type unwritten struct{ header http.Header }

func (u unwritten) Header() http.Header       { return u.header }
func (unwritten) WriteHeader(int)             {}
func (unwritten) Write(p []byte) (int, error) { return len(p), nil }

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
