package platforms

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxBatch = 50

type batchRequest struct {
	Method string `json:"method"`
	URL    string `json:"relative_url"` // includes the version; otherwise the app's oldest version answers
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
	timedOut bool // the platform ran out of time for it: retry
	err      *Error
	body     []byte
}

// batch reads several paths below the version with one call and returns the answers in the same
// order. It returns fewer answers if the quota does not cover all paths: each request counts as a
// call.
func (g *graph) batch(ctx context.Context, op string, t Target, paths []string) ([]batchAnswer, error) {
	// The token is sent in the form, as documented for the Batch API: it is used for each request.
	req := call{op: op, account: t.ExternalID, url: g.root + "/", secrets: []string{t.AccessToken}}
	allowed, finish, err := g.requestAdmission(ctx, req, len(paths))
	if err != nil {
		return nil, err
	}
	requests := make([]batchRequest, allowed)
	for i := range requests {
		requests[i] = batchRequest{Method: http.MethodGet, URL: g.endpoint.version + "/" + paths[i]}
	}
	raw, _ := json.Marshal(requests) //nolint:errchkjson // texts
	// Only the individual answers contain usage headers.
	req.form = g.withProof(url.Values{
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
	if down := outageError(out); down != nil && stats.Class == "" {
		stats.fail(down)
	}
	finish(stats)
	return out, nil
}

// batchAnswer reads one entry. Quota information counts for the whole call.
func (g *graph) batchAnswer(req call, entry maybe[batchEntry], stats *CallStats) batchAnswer {
	if !entry.ok {
		return batchAnswer{timedOut: true}
	}
	ans := answer{status: int(entry.v.Code.n), header: http.Header{}, body: []byte(entry.v.Body)}
	for _, h := range entry.v.Headers {
		ans.header.Add(string(h.Name), string(h.Value))
	}
	stats.Usage = mergeUsage(stats.Usage, g.usage(ans.header))
	e := g.classify(ans)
	if e == nil {
		return batchAnswer{body: ans.body}
	}
	g.complete(e, req, ans)
	if e.Class == ClassThrottled {
		stats.fail(e)
	}
	return batchAnswer{err: e}
}

// outageError returns the error of a batch without a single usable answer, or nil if one request
// was answered. The batch's own status is 200 even then.
func outageError(answers []batchAnswer) (first *Error) {
	for _, a := range answers {
		if !a.timedOut && (a.err == nil || a.err.Class != ClassRetry) {
			return nil
		}
		first = cmp.Or(first, a.err)
	}
	return cmp.Or(first, outOfTime())
}

// The higher value wins.
func mergeUsage(known, more []Usage) []Usage {
	for _, u := range more {
		i := slices.IndexFunc(known, func(k Usage) bool { return k.Scope == u.Scope && k.ID == u.ID && k.Type == u.Type })
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
	return slices.Contains([]Class{ClassInvalid, ClassNotFound, ClassPermission, ClassUnsupportedMetric}, ClassOf(err))
}

func relative(path string, query url.Values) string {
	return strings.TrimSuffix(path+"?"+query.Encode(), "?")
}
