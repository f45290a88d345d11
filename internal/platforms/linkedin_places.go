package platforms

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	geoURN = "urn:li:geo:"
	// maxGeos is how many names a call asks for: ids make the address long. Others wait for the next reading.
	maxGeos = 100
	// maxNames is how many places are remembered, about 2 MB.
	maxNames = 20_000
)

// placeNames remembers what LinkedIn calls its places. There are few for many pages, so that after the first day hardly a
// reading meets one that is not here. Names do not expire, they end with the process; where LinkedIn gave none it is asked
// again after [RefusedFor].
type placeNames struct {
	refused *negativeCache // accounts that the names are refused to; after some, nobody asks for them
	ttl     time.Duration
	now     func() time.Time

	mu    sync.Mutex
	known map[string]placeName // by id
}

type placeName struct {
	name  string
	again time.Time // when to ask again for what has no name
}

const edgeGeo = "geo"

func newPlaceNames(cfg Config) *placeNames {
	return &placeNames{
		refused: newNegativeCache(RefusedFor, cfg.Now, true), ttl: RefusedFor, now: cfg.Now, known: map[string]placeName{},
	}
}

// unknown returns those of the ids that are to be asked for.
func (n *placeNames) unknown(ids []string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		place, known := n.known[id]
		return known && (place.name != "" || place.again.After(n.now()))
	})
}

// learn notes the names of the ids that were asked for; what has none in an answer has none for a while.
func (n *placeNames) learn(asked []string, names map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range asked {
		for other := range n.known {
			if len(n.known) < maxNames {
				break
			}
			delete(n.known, other) // any: who needs it asks once more
		}
		n.known[id] = placeName{name: names[id], again: n.now().Add(n.ttl)}
	}
}

// of returns the names that are known of these ids, by URN; nil without any.
func (n *placeNames) of(urns map[string]int64) (names map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for urn := range urns {
		if place := n.known[strings.TrimPrefix(urn, geoURN)]; place.name != "" {
			if names == nil {
				names = map[string]string{}
			}
			names[urn] = place.name
		}
	}
	return names
}

// geoAnswer is an answer of BATCH_GET geo. A place that LinkedIn does not know has no result.
type geoAnswer struct {
	Results map[string]struct {
		Name maybe[struct {
			Value text `json:"value"`
		}] `json:"defaultLocalizedName"`
	} `json:"results"`
}

// namePlaces adds the names of the places of followers, beside their URNs: two places may have one name. What is not known
// yet is asked for by one call at most, the places of most followers first.
//
// Documented: GET /v2/geo?ids=List(1,2) with the header X-Restli-Protocol-Version: 2.0.0, and the answer in en_US where no
// locale is asked for. Assumed: no version and no permission beyond that of the followers is needed, and an id without a
// name is left out of the results; how many ids are taken is not said.
//
// A name is worth less than figures: whatever becomes of the call, the reading stands, and is complete.
func (r *liReading) namePlaces(ctx context.Context) error {
	facets := r.snap.Demographics
	if ask := r.places.unknown(placesOf(facets)); len(ask) > 0 && r.places.refused.allows(edgeGeo, r.t.ExternalID, "names") {
		r.askPlaces(ctx, ask[:min(len(ask), maxGeos)])
	}
	for i := range facets {
		facets[i].Names = r.places.of(facets[i].Values)
	}
	return nil
}

// askPlaces makes the call. What fails is known to the quota and to the statistics of calls.
func (r *liReading) askPlaces(ctx context.Context, ids []string) {
	var reply geoAnswer
	err := r.do(ctx, call{
		op: "geo_names", account: r.t.quotaOf(), url: r.endpoint.BaseURL + "/v2/geo?ids=" + listOf(ids), token: r.t.AccessToken,
		header: map[string]string{"X-Restli-Protocol-Version": "2.0.0"},
	}, &reply)
	switch {
	case err == nil:
		names := map[string]string{}
		for id, place := range reply.Results {
			names[id] = domain.Storable(string(place.Name.v.Value), maxPlaceName)
		}
		r.places.learn(ids, names)
	case ClassOf(err) == ClassPermission, ClassOf(err) == ClassNotFound:
		r.places.refused.refuse(edgeGeo, "names", r.t.ExternalID)
	}
}

// maxPlaceName bounds a name, in bytes.
const maxPlaceName = 200

// placesOf are the ids of places, those of most followers first.
func placesOf(facets []domain.DemographicFacet) []string {
	followers := map[string]int64{}
	for _, facet := range facets {
		for urn, n := range facet.Values {
			if id, ok := strings.CutPrefix(urn, geoURN); ok && plainID(id, "") {
				followers[id] = max(followers[id], n)
			}
		}
	}
	return slices.SortedFunc(maps.Keys(followers), func(a, b string) int {
		return cmp.Or(cmp.Compare(followers[b], followers[a]), cmp.Compare(a, b))
	})
}
