package platforms

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

const maxBatch = 50

type batchRequest struct {
	Method string `json:"method"`
	URL    string `json:"relative_url"` // with the version; otherwise, Meta uses the app's oldest version
}

type batchEntry struct {
	Code    count `json:"code"`
	Headers list[struct {
		Name  text `json:"name"`
		Value text `json:"value"`
	}] `json:"headers"`
	Body text `json:"body"` // JSON
}

type batchAnswer struct {
	timedOut bool // the platform ran out of time for the request
	err      *Error
	body     []byte
}

// batch reads several paths below the version with one call and returns the answers in the same
// order. It returns fewer answers if the quota does not cover all paths, because each path counts
// as a call.
func (g *graph) batch(ctx context.Context, op string, t Target, paths []string) ([]batchAnswer, error) {
	// As documented for the Batch API, the form contains the token, which is used for each request.
	req := call{op: op, account: t.ExternalID, url: g.root + "/", secrets: []string{t.AccessToken}}
	allowed, finish, err := g.requestAdmission(ctx, req, len(paths))
	if err != nil {
		return nil, err
	}
	requests := make([]batchRequest, allowed)
	for i := range requests {
		requests[i] = batchRequest{Method: http.MethodGet, URL: g.endpoint.Version + "/" + paths[i]}
	}
	raw, _ := json.Marshal(requests) //nolint:errchkjson // texts
	// Without the headers of the individual answers, no usage would be reported.
	req.form = g.signed(url.Values{
		"access_token": {t.AccessToken}, "include_headers": {"true"}, "batch": {string(raw)},
	}, t.AccessToken)
	var entries []maybe[batchEntry]
	stats, failure := g.perform(ctx, req, &entries)
	stats.Requests = allowed
	if failure == nil && len(entries) != allowed { // only the order links an answer to its request
		failure = malformed()
		g.complete(failure, req, answer{status: stats.Status})
		stats.fail(failure)
	}
	if failure != nil {
		finish(stats)
		return nil, failure
	}
	out := make([]batchAnswer, allowed)
	for i, entry := range entries {
		out[i] = g.batchAnswer(req, entry, &stats)
	}
	if down := outageError(out); down != nil && stats.Reason == "" {
		stats.fail(down)
	}
	finish(stats)
	return out, nil
}

// batchAnswer converts one entry and adds its quota information to the statistics of the call.
func (g *graph) batchAnswer(req call, entry maybe[batchEntry], stats *CallStats) batchAnswer {
	if !entry.ok {
		return batchAnswer{timedOut: true}
	}
	ans := answer{place: placeOf(req.op), status: int(entry.v.Code.n), header: http.Header{}, body: []byte(entry.v.Body)}
	for _, h := range entry.v.Headers {
		ans.header.Add(string(h.Name), string(h.Value))
	}
	stats.Usage = mergeUsage(stats.Usage, g.usage(ans.header))
	e := g.classify(ans)
	if e == nil {
		return batchAnswer{body: ans.body}
	}
	g.complete(e, req, ans)
	if e.Kind() == domain.StatusThrottled {
		stats.fail(e)
	}
	return batchAnswer{err: e}
}

// outageError returns an error if the platform answered none of the requests of a batch, or nil.
// The status of the batch is 200 even then.
func outageError(answers []batchAnswer) (first *Error) {
	for _, a := range answers {
		if !a.timedOut && (a.err == nil || a.err.Kind() != domain.StatusRetry) {
			return nil
		}
		first = cmp.Or(first, a.err)
	}
	return cmp.Or(first, outOfTime())
}

// mergeUsage keeps the higher usage of each quota.
func mergeUsage(known, more []Usage) []Usage {
	for _, u := range more {
		same := func(k Usage) bool { return k.Scope == u.Scope && k.ID == u.ID && k.Type == u.Type }
		i := slices.IndexFunc(known, same)
		if i < 0 {
			known = append(known, u)
		} else if cmp.Or(cmp.Compare(u.Percent, known[i].Percent), cmp.Compare(u.Regain, known[i].Regain)) > 0 {
			known[i] = u
		}
	}
	return known
}

// refusesBatches reports whether the platform accepts no batches at all.
func refusesBatches(err error) bool {
	return slices.Contains([]domain.StatusCode{domain.StatusInvalid, domain.StatusNotFound, domain.StatusPermission, domain.StatusUnsupportedMetric}, KindOf(err))
}

func relative(path string, query url.Values) string {
	return strings.TrimSuffix(path+"?"+query.Encode(), "?")
}
