package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// request is one authenticated call.
type request struct {
	*http.Request
	query url.Values
	now   time.Time
	acc   *account // nil: the caller is unknown
	traps Traps
	body  []byte // body of a JSON post

	platform domain.Platform // Meta only, as the state and what it is without
	token    string
	state    tokenState
	without  string // a permission that the consent behind the token lacks
	lacks    func(scope string) bool

	person Person // LinkedIn: whose token it is, if it is a person's

	posts []Post // of the account, see [Server.all]
}

// reply is an answer before the traps of §6.6 get at it.
type reply struct {
	status int // 200 when 0
	header map[string]string
	body   any    // JSON
	undo   func() // takes back what the call changed, when an edge fails that would not have passed it on
}

func ok(body any) reply { return reply{body: body} }

// object is a JSON object in the making.
type object = map[string]any

// answer writes a reply, spoilt as the traps say. acc is nil when the caller is unknown.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, p domain.Platform, acc *account, t Traps, rep reply) {
	if t.Delay > 0 {
		timer := time.NewTimer(t.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if status := s.failing(p, acc, t); status != 0 {
		if rep.undo != nil {
			rep.undo()
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		body := "<html><body><h1>" + http.StatusText(status) + "</h1>\n<p>An edge of the network is unwell.</p></body></html>"
		_, _ = w.Write([]byte(body)) //nolint:gosec // nothing of it comes from the request
		return
	}
	raw, err := json.Marshal(rep.body)
	if err != nil {
		http.Error(w, "the simulator made an answer that is not JSON", http.StatusInternalServerError)
		return
	}
	if t.Truncate {
		raw = raw[:len(raw)/2]
	}
	for name, value := range rep.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if rep.status != 0 {
		w.WriteHeader(rep.status)
	}
	_, _ = w.Write(raw)
}

// failing is the status of an HTML answer that comes instead of the real one; 0: none.
func (s *Server) failing(p domain.Platform, acc *account, t Traps) int {
	now := s.cfg.Clock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, o := range s.outages {
		if o.Platform == p && !now.Before(o.From) && now.Before(o.Until) {
			return http.StatusServiceUnavailable
		}
	}
	if t.HTML != 0 {
		return t.HTML
	}
	if acc != nil && t.FailEvery > 0 {
		acc.mu.Lock()
		defer acc.mu.Unlock()
		acc.calls++
		if acc.calls%t.FailEvery == 0 {
			return http.StatusBadGateway
		}
	}
	return 0
}

// page cuts one page out of a list: the items from start on, and whether there are more.
func page[T any](items []T, start, limit int) (cut []T, end int, more bool) {
	start = min(max(start, 0), len(items))
	end = min(start+limit, len(items))
	return items[start:end], end, end < len(items)
}
