package platforms

import (
	"context"
	"maps"
	"net/url"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
	edge  string // key of the negative cache
	t     Target
	path  string
	query url.Values
	// object is the ID of the object if several objects share the edge: a metric that is refused
	// for one object may exist for others. Otherwise it is empty.
	object string
}

// insights reads metrics of one edge with one call. If the platform refuses the call because of a
// metric, insights makes one call per metric and remembers the refusals, so that the next reading
// needs only one call. With an error, it returns the data that was read before.
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
	return g.askOneByOne(ctx, c, ask, out)
}

// askOneByOne requests each metric separately. It attributes a refusal with an unknown message to
// the metric only if the platform answers for another metric; otherwise, the request is wrong.
func (g *graph) askOneByOne(
	ctx context.Context, c insightCall, ask []string, out insightAnswer,
) (insightAnswer, error) {
	var unknown []string
	var refusal error
	answered := false
	for _, metric := range ask {
		data, err := g.askInsights(ctx, c, []string{metric})
		switch {
		case err == nil:
			answered, out.data = true, append(out.data, data...)
		case KindOf(err) == domain.StatusUnsupportedMetric:
			answered, unknown = true, append(unknown, metric)
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
		if c.object == "" || g.single.confirm(c.edge, metric, c.t.ExternalID, c.object) {
			g.refused.recordRefusal(c.edge, metric, c.t.ExternalID)
		}
	}
	out.refused = append(out.refused, unknown...)
	return out, nil
}

// refusesMetrics decides by the code: Meta has several messages for a metric that is unknown,
// retired or not available for a kind of media, and adds new ones. For a single metric, only the
// known messages count, because nothing else distinguishes a wrong metric from a wrong request.
func refusesMetrics(err error, requested []string) bool {
	e := errorIn(err)
	return e.Kind() == domain.StatusUnsupportedMetric ||
		e.Kind() == domain.StatusInvalid && e.Code == codeWrongRequest && len(requested) > 1
}

type graphReading struct {
	*graph
	reading
	edge  string              // key of refused metrics in the negative cache
	names map[string][]string // figure names by metric
}

// ask requests metrics and records as missing those that the platform does not know.
func (g *graphReading) ask(ctx context.Context, op string, metrics []string, q url.Values) ([]insight, error) {
	answer, err := g.insights(ctx, insightCall{
		op: op, edge: g.edge, t: g.t, path: g.t.ExternalID + "/insights", query: q,
	}, metrics)
	for _, metric := range answer.refused {
		g.missRest(domain.StatusUnsupportedMetric, g.names[metric]...)
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

// lifetime returns the lifetime value of a metric. It ignores entries of other periods, such as
// daily values. total_value takes precedence over values.
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

// lifetimeTotal returns the first of the named metrics that has a number.
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

func lifetimePart(data []insight, name, key string) *int64 {
	value, _ := lifetime(data, name)
	return value.parts[key].ptr()
}
