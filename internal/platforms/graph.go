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
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// graph speaks Meta's Graph API: what Facebook pages and Instagram accounts have in common.
type graph struct {
	*httpClient
	endpoint    Endpoint // without a client id tokens cannot be asked about, without a secret calls have no proof
	root        string   // base URL and version
	otherSaid   sync.Map
	pacific     *time.Location
	refused     *negativeCache // metrics that Meta does not know (any more)
	unpermitted *negativeCache // parts that an account's token may not read
	single      *negativeCache // metrics and parts that single posts were refused
}

func newGraph(p domain.Platform, endpoint Endpoint, cfg Config, client *http.Client, pacific *time.Location) *graph {
	c := newHTTPClient(p, cfg, client, classifyGraph, metaWait)
	g := &graph{
		httpClient: c, endpoint: endpoint, root: endpoint.BaseURL + "/" + endpoint.version, pacific: pacific,
		refused:     newNegativeCache(RefusedFor, cfg.Now, true),
		unpermitted: newNegativeCache(permissionTTL, cfg.Now, false), single: newNegativeCache(permissionTTL, cfg.Now, false),
	}
	c.usage = func(h http.Header) []Usage { g.noteVersion(h); return metaUsage(h) }
	return g
}

// noteVersion says, once, that another version answers than was asked: Meta does so when the one that was asked is over,
// and metrics come and go with it.
func (g *graph) noteVersion(h http.Header) {
	got := h.Get("Facebook-Api-Version")
	if got == "" || got == g.endpoint.version || !plainID(got, ".") {
		return
	}
	if _, said := g.otherSaid.LoadOrStore(got, true); !said {
		g.log.Warn("another version of the Graph API answers than was asked: upgrade ledgerboard",
			"platform", g.platform.String(), "asked", g.endpoint.version, "answers", got)
	}
}

// proven adds the proof that our app makes the call: apps that require it have every other call refused, and to the
// others it does no harm.
func (g *graph) proven(query url.Values, token string) url.Values {
	if g.endpoint.ClientSecret == "" {
		return query
	}
	mac := hmac.New(sha256.New, []byte(g.endpoint.ClientSecret))
	mac.Write([]byte(token))
	query = maps.Clone(query)
	query.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	return query
}

func (g *graph) get(ctx context.Context, op string, t Target, path string, query url.Values, out any) error {
	return g.do(ctx, call{op: op, account: t.ExternalID, url: g.root + "/" + relative(path, g.proven(query, t.AccessToken)), token: t.AccessToken}, out)
}

// check refuses a target that cannot be put into a request.
func (g *graph) check(op string, t Target) error {
	if err := g.needToken(op, t.AccessToken); err != nil {
		return err
	}
	if !plainID(t.ExternalID, "_") {
		return invalid(g.platform, op, "external id %q is not a Graph id", t.ExternalID)
	}
	return nil
}

// graphPage is a list with cursors. paging.next holds the token and is never followed: only its
// presence counts, the next request is rebuilt from cursors.after.
type graphPage[T any] struct {
	Data   list[T] `json:"data"`
	Paging maybe[struct {
		Cursors maybe[struct {
			After text `json:"after"`
		}] `json:"cursors"`
		Next text `json:"next"`
	}] `json:"paging"`
}

// after returns the cursor of the next page, "" at the end. sent guards against a platform that
// answers the same cursor for ever.
func (p graphPage[T]) after(sent string) string {
	after := string(p.Paging.v.Cursors.v.After)
	if p.Paging.v.Next == "" || after == sent {
		return ""
	}
	return after
}

// pacificDay labels a day value by its end_time: the Pacific day that ended there. Looking at the
// moment twelve hours earlier is the same as "minus one day", and also right for Instagram, which
// writes 07:00 UTC in winter too.
func (g *graph) pacificDay(endTime text) (time.Time, bool) {
	end := metaTime(endTime)
	if end.IsZero() {
		return time.Time{}, false
	}
	return g.dayOf(end.Add(-12 * time.Hour)), true
}

// dayOf is the Pacific midnight at which the day of t began.
func (g *graph) dayOf(t time.Time) time.Time {
	y, m, d := t.In(g.pacific).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, g.pacific)
}

type graphError struct {
	Message   text  `json:"message"`
	Type      text  `json:"type"`
	Code      text  `json:"code"` // seen as a number and as a string
	Subcode   count `json:"error_subcode"`
	Transient flag  `json:"is_transient"`
}

// classifyGraph classifies an answer of the Graph API. An error body counts under every status, 200
// included; the decision is by code, then subcode, never by status alone.
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
	return envelope.Error.v.classify(ans.status)
}

func (e graphError) classify(status int) *Error {
	return &Error{Class: e.class(status), Code: string(e.Code), Subcode: int(e.Subcode.n), Words: string(e.Message)}
}

// Subcodes with a meaning of their own.
const (
	subcodeInvisible      = 33      // object deleted or invisible
	subcodeBeforeBusiness = 2108006 // media posted before the account became a business account
)

//nolint:cyclop // a table of codes reads best in one place
func (e graphError) class(status int) Class {
	var code count
	_ = code.UnmarshalJSON([]byte(e.Code))
	message := string(e.Message)
	switch n := code.n; {
	case e.Subcode.n == subcodeBeforeBusiness, n == 10 && strings.Contains(message, "Not enough viewers"):
		return ClassNoData // says nothing about the token
	case n == 190, n == 102:
		return ClassReconnect
	case n == 4, n == 17, n == 32, n == 341, n == 613, n >= 80000 && n <= 80014:
		return ClassThrottled
	case n == 368:
		return ClassBlocked
	case n == 100 && e.Subcode.n == subcodeInvisible, n == 803:
		return ClassNotFound
	case n == 100 && isMetricMessage(message):
		return ClassUnsupportedMetric
	case n == 100: // a wrong request, also under HTTP 500: repeating it does not help
		return ClassInvalid
	case n == 1, n == 2, bool(e.Transient):
		return ClassRetry
	case n == 3, n == 10, n >= 200 && n <= 299:
		return ClassPermission
	default:
		return statusClass(status)
	}
}

// codeWrongRequest is Meta's code for whatever is wrong with a request, an unknown metric among others.
const codeWrongRequest = "100"

// isMetricMessage knows two of the sentences for an unknown metric: neither names the culprit.
func isMetricMessage(message string) bool {
	return strings.Contains(message, "must be a valid insights metric") || strings.Contains(message, "must be one of the following values:")
}

var nonexistingField = regexp.MustCompile(`nonexisting field \(([a-z_]+)\)`)

// badField is the field that a node does not have, "" when the error is another one.
func badField(e *Error) string {
	if found := nonexistingField.FindStringSubmatch(e.Words); found != nil {
		return found[1]
	}
	return ""
}

// oversized says that the answer was too large: ask for less.
func oversized(e *Error) bool {
	return e.Code == codeTooLarge || (e.Code == "1" && strings.Contains(e.Words, "reduce the amount of data"))
}
