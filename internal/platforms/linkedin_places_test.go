package platforms_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// withPlaces requests a page's reading with the places of its followers.
var withPlaces = platforms.AccountRequest{Demographics: true}

// geoCalls returns the number of calls for names since the last call of ops.
func geoCalls(b *bundle) int {
	return len(slices.DeleteFunc(b.ops(), func(op string) bool { return op != "geo_names" }))
}

// namesOf returns all names of a reading by URN.
func namesOf(snap platforms.AccountSnapshot) map[string]string {
	names := map[string]string{}
	for _, facet := range snap.Demographics {
		maps.Copy(names, facet.Names)
	}
	return names
}

// If names are refused, the figures remain under their URNs. A page asks once, three pages count
// for all, and a day later names are requested again.
func TestLinkedInPlacesRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	client := b.client(t, domain.LinkedIn)
	var pages []platforms.Target
	for n, calls := range []int{1, 1, 1, 0, 0} {
		page := b.sim.Add(domain.LinkedIn, domain.LinkedInCompanyPage, simulator.Account{ID: strconv.Itoa(4000 + n), Traps: simulator.Traps{NoGeo: true}})
		pages = append(pages, pageTarget(page))
		for range 2 {
			snap := client.account(pages[n], withPlaces)
			require.Nil(t, snap.Incomplete)
			require.Empty(t, snap.Missing)
			require.Len(t, snap.Demographics, 2)
			require.Empty(t, namesOf(snap))
			require.Equal(t, calls, geoCalls(b))
			calls = 0
		}
	}
	b.sim.SetTraps(domain.LinkedIn, pages[0].ExternalID, simulator.Traps{})
	b.advance(platforms.RefusedFor)
	snap := client.account(pages[0], withPlaces)
	require.Equal(t, simulator.GeoNames(), namesOf(snap))
	snap = client.account(pages[4], withPlaces)
	require.Equal(t, simulator.GeoNames(), namesOf(snap), "a page without permission uses the names read for another page")
	require.Equal(t, 1, geoCalls(b))
}

// pageOf serves a page with followers in these places, and passes calls for names to names.
func pageOf(cities map[string]int64, names http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"firstDegreeSize": 10, "elements": []any{}}
		switch {
		case strings.HasSuffix(r.URL.Path, "/v2/geo"):
			names(w, r)
			return
		case strings.HasSuffix(r.URL.Path, "FollowerStatistics"):
			places := []any{}
			for geo, n := range cities {
				places = append(places, map[string]any{"geo": geo, "followerCounts": map[string]any{"organicFollowerCount": n}})
			}
			answer = map[string]any{"elements": []any{map[string]any{"followerCountsByGeo": places}}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// Whatever happens to the call for names, the reading is complete, and there is no second call.
func TestLinkedInReadingWithoutPlaceNames(t *testing.T) {
	t.Parallel()
	for what, fail := range map[string]http.HandlerFunc{
		"a proxy's page":   always(http.StatusBadGateway, "<html>"),
		"throttled":        always(http.StatusTooManyRequests, `{"status":429,"message":"Resource level throttle"}`),
		"a dead token":     always(http.StatusUnauthorized, `{"status":401,"code":"REVOKED_ACCESS_TOKEN"}`),
		"no such resource": http.NotFound,
		"a cut answer":     always(http.StatusOK, `{"results":{"1":`),
		"a list":           always(http.StatusOK, `[]`),
		"odd names":        always(http.StatusOK, `{"results":{"1":{"defaultLocalizedName":[7]},"2":{"defaultLocalizedName":null},"5":{}}}`),
	} {
		b := canned(t, pageOf(map[string]int64{"urn:li:geo:1": 4, "urn:li:geo:2": 5}, fail))
		snap := b.client(t, domain.LinkedIn).account(companyPage("4242"), withPlaces)
		require.Nil(t, snap.Incomplete, what)
		require.NotContains(t, reasons(snap.Missing), "demographics", what)
		require.Equal(t, []domain.DemographicFacet{{Facet: "city", Values: map[string]int64{"urn:li:geo:1": 4, "urn:li:geo:2": 5}}}, snap.Demographics, what)
		require.Equal(t, 1, geoCalls(b), what)
	}
}

// A call has room for a hundred places, starting with the most followers; a later reading requests
// the rest. A place without a name is requested again after a day.
func TestLinkedInManyPlaces(t *testing.T) {
	t.Parallel()
	cities, names := map[string]int64{"urn:li:place:7": 1000}, map[string]string{}
	for n := range 150 {
		cities[fmt.Sprintf("urn:li:geo:%d", 100+n)] = int64(n)
		if n != 149 {
			names[strconv.Itoa(100+n)] = fmt.Sprintf("Place %d", n)
		}
	}
	var requested []string
	b := canned(t, pageOf(cities, func(w http.ResponseWriter, r *http.Request) {
		requested = strings.Split(strings.TrimSuffix(strings.TrimPrefix(r.URL.Query().Get("ids"), "List("), ")"), ",")
		results := map[string]any{}
		for _, id := range requested {
			if name, ok := names[id]; ok {
				results[id] = map[string]any{"defaultLocalizedName": map[string]any{"value": name}}
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
	}))
	client := b.client(t, domain.LinkedIn)
	for _, step := range []struct{ calls, first, places, names int }{{1, 249, 100, 99}, {1, 149, 50, 149}, {0, 149, 50, 149}} {
		snap := client.account(companyPage("4242"), withPlaces)
		require.Equal(t, step.calls, geoCalls(b))
		require.Len(t, requested, step.places)
		require.Equal(t, strconv.Itoa(step.first), requested[0])
		require.Len(t, namesOf(snap), step.names)
	}
	b.advance(platforms.RefusedFor)
	client.account(companyPage("4242"), withPlaces)
	require.Equal(t, []string{"249"}, requested)
}
