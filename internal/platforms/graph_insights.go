package platforms

import (
	"context"
	"maps"
	"net/url"
	"strings"
)

// insight is one element of an insights answer.
type insight struct {
	Name   text `json:"name"`
	Period text `json:"period"`
	Values list[struct {
		Value   amount `json:"value"`
		EndTime text   `json:"end_time"`
	}] `json:"values"`
	TotalValue maybe[struct {
		Value      count `json:"value"`
		Breakdowns list[struct {
			Results list[struct {
				DimensionValues list[text] `json:"dimension_values"`
				Value           count      `json:"value"`
			}] `json:"results"`
		}] `json:"breakdowns"`
	}] `json:"total_value"`
}

type insightAnswer struct {
	data    []insight
	refused []string // metrics that the platform does not know
}

type insightCall struct {
	op    string
	edge  string // what refusals are remembered under
	t     Target
	path  string
	query url.Values
	// object is one of many that share the edge: what is refused for it alone may be its own fault. "": there are no others.
	object string
}

// insights reads metrics of one edge with one call, or with one call per metric when the platform
// refuses the batch: one name that is retired, or not for this object, rejects all of it. What is refused is
// remembered, so that the next reading is one call again. On an error the data got before it is
// returned with it.
func (g *graph) insights(ctx context.Context, c insightCall, metrics []string) (insightAnswer, error) {
	ask, refused := g.refused.usable(c.edge, c.t.ExternalID, metrics)
	out := insightAnswer{refused: refused}
	if len(ask) == 0 {
		return out, nil
	}
	data, err := g.askInsights(ctx, c, ask)
	if !refusesMetrics(err, ask) {
		out.data = data
		return out, err
	}
	return g.oneByOne(ctx, c, ask, out)
}

// oneByOne asks for each metric alone. What is refused in words that are not known is a metric's fault only if another
// one is answered: else the request is wrong.
func (g *graph) oneByOne(ctx context.Context, c insightCall, ask []string, out insightAnswer) (insightAnswer, error) {
	var unknown []string
	var refusal error
	answered := false
	for _, metric := range ask {
		data, err := g.askInsights(ctx, c, []string{metric})
		switch {
		case err == nil:
			answered, out.data = true, append(out.data, data...)
		case ClassOf(err) == ClassUnsupportedMetric:
			g.refused.refuse(c.edge, metric, c.t.ExternalID)
			answered, out.refused = true, append(out.refused, metric)
		case refusesMetrics(err, ask):
			unknown, refusal = append(unknown, metric), err
		default:
			return out, err
		}
	}
	if !answered {
		return out, refusal
	}
	for _, metric := range unknown {
		if c.object == "" || g.single.confirmed(c.edge, metric, c.t.ExternalID, c.object) {
			g.refused.refuse(c.edge, metric, c.t.ExternalID)
		}
	}
	out.refused = append(out.refused, unknown...)
	return out, nil
}

// refusesMetrics decides by the edge and the code: Meta has several sentences for a metric that is unknown, retired or
// not for this kind of media, and finds new ones. Where one metric was asked for only the known sentences count, because
// nothing tells its fault from the request's.
func refusesMetrics(err error, asked []string) bool {
	e := asError(err)
	return e != nil && (e.Class == ClassUnsupportedMetric || e.Class == ClassInvalid && e.Code == codeWrongRequest && len(asked) > 1)
}

// graphReading is one account reading in the making.
type graphReading struct {
	*graph
	reading
	edge  string              // what refused metrics are remembered under
	names map[string][]string // metrics, and the names of their figures
}

// ask asks for metrics of the account. One that the platform does not know is missing.
func (r *graphReading) ask(ctx context.Context, op string, metrics []string, q url.Values) ([]insight, error) {
	answer, err := r.insights(ctx, insightCall{op: op, edge: r.edge, t: r.t, path: r.t.ExternalID + "/insights", query: q}, metrics)
	for _, metric := range answer.refused {
		r.missRest(ReasonUnsupported, "the platform does not know "+metric, r.names[metric]...)
	}
	return answer.data, err
}

func (g *graph) askInsights(ctx context.Context, c insightCall, metrics []string) ([]insight, error) {
	q := url.Values{}
	maps.Copy(q, c.query)
	q.Set("metric", strings.Join(metrics, ","))
	var page insightList
	err := g.get(ctx, c.op, c.t, c.path, q, &page)
	return page.Data, err
}

// lifetime is the value of a metric of one object: the lifetime entry only, because entries of the
// period "day" are buckets; total_value stands before values, never added to it.
func lifetime(data []insight, name string) (amount, bool) {
	for _, i := range data {
		if string(i.Name) != name || (i.Period != "lifetime" && i.Period != "") {
			continue
		}
		if i.TotalValue.ok && i.TotalValue.v.Value.ok {
			return amount{number: i.TotalValue.v.Value}, true
		}
		if len(i.Values) > 0 {
			return i.Values[0].Value, true
		}
	}
	return amount{}, false
}

// lifetimeTotal is the first of the named metrics that has a number.
func lifetimeTotal(data []insight, names ...string) *int64 {
	for _, name := range names {
		if value, ok := lifetime(data, name); ok {
			if n := value.total().ptr(); n != nil {
				return n
			}
		}
	}
	return nil
}

// lifetimePart is one key of a metric that is an object.
func lifetimePart(data []insight, name, key string) *int64 {
	value, _ := lifetime(data, name)
	return value.parts[key].ptr()
}
