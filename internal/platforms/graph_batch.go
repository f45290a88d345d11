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

// maxBatch is how many requests one call of the Batch API may hold.
const maxBatch = 50

type batchRequest struct {
	Method string `json:"method"`
	URL    string `json:"relative_url"` // with the version, else the app's oldest one answers
}

type batchEntry struct {
	Code    count `json:"code"`
	Headers list[struct {
		Name  text `json:"name"`
		Value text `json:"value"`
	}] `json:"headers"`
	Body text `json:"body"` // JSON
}

// batchAnswer is what one request of a batch gave: nothing, an error, or a body.
type batchAnswer struct {
	silent bool // the platform ran out of time for it: ask again
	err    *Error
	body   []byte
}

// batch reads several paths below the version with one call, and answers them in their order. It answers fewer
// where the quota has no room for all: each request counts as a call. The error is of the whole call.
func (g *graph) batch(ctx context.Context, op string, t Target, paths []string) ([]batchAnswer, error) {
	// The token travels in the form, as the Batch API documents it: each request of the batch is made with it.
	req := call{op: op, account: t.ExternalID, url: g.root + "/", secrets: []string{t.AccessToken}}
	may, finish, err := g.admitted(ctx, req, len(paths))
	if err != nil {
		return nil, err
	}
	req.form = g.proven(batchForm(t, g.endpoint.version, paths[:may]), t.AccessToken)
	var entries []maybe[batchEntry]
	stats, failure := g.made(ctx, req, &entries)
	stats.Requests = may
	if failure == nil && len(entries) != may { // order is all that ties an answer to its request
		failure = malformed()
		g.complete(failure, req, answer{status: stats.Status})
		stats.fail(failure)
	}
	if failure != nil {
		finish(stats)
		return nil, failure
	}
	out := make([]batchAnswer, may)
	for i, entry := range entries {
		out[i] = g.batchAnswer(req, entry, &stats)
	}
	if down := outage(out); down != nil && stats.Class == "" {
		stats.fail(down)
	}
	finish(stats)
	return out, nil
}

func batchForm(t Target, version string, paths []string) url.Values {
	requests := make([]batchRequest, len(paths))
	for i, path := range paths {
		requests[i] = batchRequest{Method: http.MethodGet, URL: version + "/" + path}
	}
	raw, _ := json.Marshal(requests) //nolint:errchkjson // texts
	// Usage headers stand with the single answers only.
	return url.Values{"access_token": {t.AccessToken}, "include_headers": {"true"}, "batch": {string(raw)}}
}

// batchAnswer reads one entry. What concerns the quota counts as said by the whole call.
func (g *graph) batchAnswer(req call, entry maybe[batchEntry], stats *CallStats) batchAnswer {
	if !entry.ok {
		return batchAnswer{silent: true}
	}
	ans := answer{status: int(entry.v.Code.n), header: http.Header{}, body: []byte(entry.v.Body)}
	for _, h := range entry.v.Headers {
		ans.header.Add(string(h.Name), string(h.Value))
	}
	stats.Usage = fuller(stats.Usage, g.usage(ans.header))
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

// outage is the error of a batch none of whose requests was answered; nil where one was. The batch's own 200 says
// nothing of them.
func outage(answers []batchAnswer) (first *Error) {
	for _, a := range answers {
		if !a.silent && (a.err == nil || a.err.Class != ClassRetry) {
			return nil
		}
		if first == nil {
			first = a.err
		}
	}
	if first == nil {
		first = outOfTime()
	}
	return first
}

// fuller takes what the headers of one more answer say into what those before said: the fuller counts.
func fuller(known, more []Usage) []Usage {
	for _, u := range more {
		i := slices.IndexFunc(known, func(k Usage) bool { return k.Scope == u.Scope && k.ID == u.ID && k.Type == u.Type })
		switch {
		case i < 0:
			known = append(known, u)
		case cmp.Or(cmp.Compare(u.Percent, known[i].Percent), cmp.Compare(u.Regain, known[i].Regain)) > 0:
			known[i] = u
		}
	}
	return known
}

// refusesBatches tells whether an error means that the platform does not take a batch at all, as against a failure of
// this one.
func refusesBatches(err error) bool {
	return slices.Contains([]Class{ClassInvalid, ClassNotFound, ClassPermission, ClassUnsupportedMetric}, ClassOf(err))
}

// relative is a path with its query.
func relative(path string, query url.Values) string {
	return strings.TrimSuffix(path+"?"+query.Encode(), "?")
}
