package platforms

import "context"

const resourceFollowers = "organizationalEntityFollowerStatistics"

// followerFacets is an answer of organizationalEntityFollowerStatistics without an interval: splits only,
// the total is not in it any more. Places are URNs; their names come of another call, see [liReading.namePlaces].
type followerFacets struct {
	Elements list[struct {
		Entity    text               `json:"organizationalEntity"`
		Countries list[placeFollows] `json:"followerCountsByGeoCountry"`
		Areas     list[placeFollows] `json:"followerCountsByGeo"`
	}] `json:"elements"`
}

type placeFollows struct {
	Geo    text `json:"geo"`
	Counts struct {
		Organic count `json:"organicFollowerCount"`
		Paid    count `json:"paidFollowerCount"`
	} `json:"followerCounts"`
}

// pageDemographics reads the places of a page's followers; it knows neither their age nor their gender.
// All facets may be empty lists.
func (r *liReading) pageDemographics(ctx context.Context) error {
	var reply followerFacets
	err := r.get(ctx, "page_demographics", r.t, resourceFollowers, "q=organizationalEntity&organizationalEntity="+urnIn(r.urn), &reply)
	if err != nil {
		return r.snap.absorb(err, "demographics")
	}
	for _, e := range reply.Elements {
		if e.Entity != "" && string(e.Entity) != r.urn {
			continue
		}
		r.follows("country", e.Countries)
		r.follows("city", e.Areas)
	}
	r.snap.missSplits("the platform gave no places of followers")
	return nil
}

func (r *liReading) follows(facet string, places list[placeFollows]) {
	values := map[string]int64{}
	for _, p := range places {
		if p.Geo != "" && (p.Counts.Organic.ok || p.Counts.Paid.ok) {
			values[string(p.Geo)] += p.Counts.Organic.n + p.Counts.Paid.n
		}
	}
	r.snap.split(facet, values)
}
