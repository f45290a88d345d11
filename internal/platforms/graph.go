package platforms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

type graph struct {
	*httpClient
	endpoint    Endpoint
	root        string                 // base URL and version
	served      atomic.Pointer[string] // the version of the last answer that names one
	pacific     *time.Location
	refused     *negativeCache // metrics and fields that Meta does not know, or no longer does
	unpermitted *negativeCache // parts that an account's token may not read
	single      *negativeCache // metrics that were refused for single posts
	tooLarge    *negativeCache // limits of lists
}

func newGraph(p domain.Platform, endpoint Endpoint, cfg Config, client *http.Client, pacific *time.Location) *graph {
	g := &graph{
		httpClient: &httpClient{cfg: cfg, platform: p, client: client, wait: metaWait},
		endpoint:   endpoint, root: endpoint.BaseURL + "/" + endpoint.Version, pacific: pacific,
		refused:     newNegativeCache(RefusedFor, cfg.Now),
		unpermitted: newNegativeCache(permissionTTL, cfg.Now),
		single:      newNegativeCache(singleFor, cfg.Now),
		tooLarge:    newNegativeCache(RefusedFor, cfg.Now),
	}
	g.classify = func(ans answer) *Error {
		e := classifyGraph(ans)
		if e != nil && e.Reason == domain.StatusOtherApp && endpoint.key() == "" { // the app requires a proof
			e.Reason, e.About = domain.StatusApp, AboutApp
		}
		return e
	}
	g.usage = func(h http.Header) []Usage { g.noteVersion(h); return metaUsage(h) }
	return g
}

// noteVersion notes the version with which the API answers, and logs a change to one that was not
// requested: see [Version.Served].
func (g *graph) noteVersion(h http.Header) {
	got := h.Get("Facebook-Api-Version")
	if !plainID(got, ".") {
		return
	}
	last := g.served.Swap(&got)
	if got != g.endpoint.Version && (last == nil || *last != got) {
		g.cfg.Logger.Warn("the Graph API answered with a version other than the requested one: upgrade ledgerboard",
			"platform", g.platform.String(), "asked", g.endpoint.Version, "answers", got)
	}
}

// locale is requested with every call, because messages come in the person's language otherwise.
const locale = "en_US"

// signed adds the locale and the proof that our app makes the call, if the app's secret is
// configured. Meta ignores the proof if the app's settings do not require it.
func (g *graph) signed(query url.Values, token string) url.Values {
	query = maps.Clone(query)
	query.Set("locale", locale)
	key := g.endpoint.key()
	if key == "" {
		return query
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(token))
	query.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	return query
}

func (g *graph) get(ctx context.Context, op string, t Target, path string, query url.Values, out any) error {
	address := g.root + "/" + relative(path, g.signed(query, t.AccessToken))
	return g.do(ctx, call{op: op, account: t.ExternalID, url: address, token: t.AccessToken}, out)
}

func (g *graph) check(op string, t Target) error {
	if err := g.needToken(op, t.AccessToken); err != nil {
		return err
	}
	if !plainID(t.ExternalID, "_") {
		return invalid(g.platform, op, "external ID %q is not a Graph ID", t.ExternalID)
	}
	return nil
}

// graphPage is a list with cursors. paging.next contains the token and is never followed: it only
// shows that there is a next page, which is requested with cursors.after.
type graphPage[T any] struct {
	Data   completeList[T] `json:"data"`
	Paging maybe[struct {
		Cursors maybe[struct {
			After text `json:"after"`
		}] `json:"cursors"`
		Next text `json:"next"`
	}] `json:"paging"`
}

// after returns the cursor of the next page, or "" for the last page. The cursor is not known if the
// page has a `next` link, and no cursor or the one that was sent: both have been observed, once and
// in the middle of a list (PostHog 73783, restfb 916).
func (g graphPage[T]) after(sent string) (next string, known bool) {
	next = string(g.Paging.v.Cursors.v.After)
	if g.Paging.v.Next == "" {
		return "", true
	}
	return next, next != "" && next != sent && len(next) <= maxCursorLen
}

// pacificDay returns the Pacific day that ended at the end_time of a daily value. The time twelve
// hours earlier is on that day, even for Instagram, which reports 07:00 UTC in winter and summer.
func (g *graph) pacificDay(endTime text) (time.Time, bool) {
	end := metaTime(endTime)
	if end.IsZero() {
		return time.Time{}, false
	}
	return g.dayOf(end.Add(-12 * time.Hour)), true
}

// dayOf returns the Pacific midnight at which the day of t began.
func (g *graph) dayOf(t time.Time) time.Time {
	y, m, d := t.In(g.pacific).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, g.pacific)
}

type graphError struct {
	Message text `json:"message"`

	Code      text  `json:"code"` // observed as a number and as a string
	Subcode   count `json:"error_subcode"`
	Transient flag  `json:"is_transient"`
}

// classifyGraph treats an answer with an error body as failed even if its status is 200. The reason
// depends on the code and the subcode first.
func classifyGraph(ans answer) *Error {
	if ans.status == http.StatusOK && !bytes.Contains(ans.body, []byte(`"error"`)) {
		return nil
	}
	var envelope struct {
		Error maybe[graphError] `json:"error"`
	}
	if json.Unmarshal(ans.body, &envelope) != nil || !envelope.Error.ok {
		return byStatus(ans)
	}
	e := envelope.Error.v
	known := classified(graphRules, ans, string(e.Code), int(e.Subcode.n), string(e.Message))
	if known.Kind() == domain.StatusUnknown && bool(e.Transient) {
		known.Reason = domain.StatusRetry
	}
	return known
}

// codeWrongRequest is Meta's code for any invalid request, including an unknown metric.
const codeWrongRequest = "100"

var nonexistingField = regexp.MustCompile(`nonexisting field \(([a-z_]+)\)`)

// badField returns the requested field that a node does not have, or "".
func badField(e *Error) string {
	if found := nonexistingField.FindStringSubmatch(e.PlatformMessage); found != nil {
		return found[1]
	}
	return ""
}

// oversized reports whether a call failed because it requested too much data. Only words say so for
// certain. For a list, several codes may mean it.
func oversized(err error) bool {
	e := errorIn(err)
	return e.Code == codeTooLarge || tooMuchData.in(e.PlatformMessage) || e.Reason == domain.StatusTooLarge
}
