package platforms

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// graph speaks Meta's Graph API: what Facebook pages and Instagram accounts have in common.
type graph struct {
	*httpClient
	root        string // base URL and version
	pacific     *time.Location
	refused     *negativeCache // metrics that Meta does not know (any more)
	unpermitted *negativeCache // parts that an account's token may not read
}

func newGraph(p domain.Platform, endpoint Endpoint, cfg Config, client *http.Client, pacific *time.Location) *graph {
	c := newHTTPClient(p, cfg, client, classifyGraph, metaWait)
	c.usage = metaUsage
	return &graph{
		httpClient: c, root: endpoint.BaseURL + "/" + endpoint.Version, pacific: pacific,
		refused:     newNegativeCache(cfg.RefusedFor, cfg.Now, true),
		unpermitted: newNegativeCache(permissionTTL, cfg.Now, false),
	}
}

// get reads one path below the version.
func (g *graph) get(ctx context.Context, op string, t Target, path string, query url.Values, out any) error {
	return g.do(ctx, call{op: op, account: t.ExternalID, url: g.root + "/" + path + "?" + query.Encode(), token: t.AccessToken}, out)
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
