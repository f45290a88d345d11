package platforms

import (
	"context"
	"net/url"
)

const edgeDemographics = "ig_demographics"

// demographics reads the followers' splits, one call each. They are withheld below about 100
// followers. Newer versions may refuse the timeframe; it is left out then, and that is remembered.
func (r *igReading) demographics(ctx context.Context) error {
	if !r.req.Demographics {
		return nil
	}
	for _, facet := range []string{"age", "gender", "city", "country"} {
		answer, err := r.facet(ctx, facet)
		if err != nil {
			return r.snap.absorb(err, "demographics")
		}
		r.snap.split(facet, facetValues(answer.data))
	}
	r.snap.missSplits("withheld: has the account 100 followers?")
	return nil
}

func (r *igReading) facet(ctx context.Context, facet string) (insightAnswer, error) {
	const timeframe = "timeframe"
	metrics := []string{"follower_demographics"}
	q := url.Values{"period": {"lifetime"}, "metric_type": {"total_value"}, "breakdown": {facet}}
	if r.refused.allows(edgeDemographics, r.t.ExternalID, timeframe) {
		q.Set(timeframe, "this_month")
		answer, err := r.ask(ctx, "ig_demographics", metrics, q)
		if ClassOf(err) != ClassInvalid {
			return answer, err
		}
		q.Del(timeframe)
		r.refused.refuse(edgeDemographics, timeframe, r.t.ExternalID)
	}
	return r.ask(ctx, "ig_demographics", metrics, q)
}

func facetValues(data []insight) map[string]int64 {
	out := map[string]int64{}
	for _, i := range data {
		for _, b := range i.TotalValue.v.Breakdowns {
			for _, result := range b.Results {
				if len(result.DimensionValues) == 1 && result.Value.ok {
					out[string(result.DimensionValues[0])] = result.Value.n
				}
			}
		}
	}
	return out
}
