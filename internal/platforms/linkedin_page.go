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

type shareStatistics struct {
	Elements completeList[shareElement] `json:"elements"`
	linkedInPaging
}

// truncated reports whether elements may be missing although they are not zero.
func (s shareStatistics) truncated() bool {
	total := s.Paging.v.Total
	return s.hasNext() || (total.ok && total.n > int64(len(s.Elements.list)))
}

type shareElement struct {
	Entity    text `json:"organizationalEntity"`
	Share     text `json:"share"`
	UGCPost   text `json:"ugcPost"`
	TimeRange maybe[struct {
		Start count `json:"start"` // UTC milliseconds
	}] `json:"timeRange"`
	Total maybe[shareCounts] `json:"totalShareStatistics"`
}

// shareCounts contains the numbers of a page, a day or a post by the platform's field names.
// likeCount and clickCount may be negative and are recorded as such. The ratio `engagement` is not
// used, because ratios cannot be summed.
type shareCounts map[string]count

// shareMetrics maps our metrics to their sources: a field, or a sum of fields that must all be
// present.
var shareMetrics = []struct{ name, source string }{
	{domain.MetricImpressions, "impressionCount"},
	{domain.MetricClicks, "clickCount"},
	{domain.MetricLikes, "likeCount"},
	{domain.MetricComments, "commentCount"},
	{domain.MetricShares, "shareCount"},
	{domain.MetricEngagement, "likeCount+commentCount+shareCount"},
	{domain.MetricReach, "uniqueImpressionsCount"},
}

func (s shareCounts) value(source string) count {
	sum := count{ok: true}
	for field := range strings.SplitSeq(source, "+") {
		part := s[field]
		sum = count{n: sum.n + part.n, ok: sum.ok && part.ok}
	}
	return sum
}

// addShares adds the numbers as figures. uniqueImpressionsCount is reliable only for the lifetime,
// so days have no reach.
func (l *liReading) addShares(s shareCounts, kind domain.Kind, window, day string) {
	for _, m := range shareMetrics {
		if value := s.value(m.source); value.ok && (m.name != domain.MetricReach || kind == domain.Rolling) {
			l.add(domain.Figure{Name: m.name, Kind: kind, Value: value.n, Source: m.source, Window: window, Day: day})
		}
	}
}

func (l *liReading) pageFollowers(ctx context.Context) error {
	var size struct {
		First count `json:"firstDegreeSize"`
	}
	err := l.get(ctx, "network_size", l.t, "networkSizes/"+urnIn(l.urn), "edgeType=COMPANY_FOLLOWED_BY_MEMBER", &size)
	if err != nil {
		return l.absorb(err, domain.MetricFollowers)
	}
	if size.First.ok {
		l.add(domain.Figure{
			Name: domain.MetricFollowers, Kind: domain.Stock, Value: size.First.n, Source: "firstDegreeSize",
		})
	}
	return nil
}

func (l *liReading) shares(ctx context.Context, op, more string) (shareStatistics, error) {
	var reply shareStatistics
	err := l.get(ctx, op, l.t, "organizationalEntityShareStatistics",
		"q=organizationalEntity&organizationalEntity="+urnIn(l.urn)+more, &reply)
	return reply, err
}

func (l *liReading) isAboutPage(e shareElement) bool { return e.Total.ok && l.isPage(e.Entity) }

// isPage reports whether an answer is about the requested page. A showcase page has one number and
// two URNs: that of an organization and that of a brand.
func (l *liReading) isPage(entity text) bool {
	asOrganization := func(urn string) string {
		return strings.Replace(urn, "urn:li:organizationBrand:", "urn:li:organization:", 1)
	}
	return entity == "" || asOrganization(string(entity)) == asOrganization(l.urn)
}

// pageLifetime reads the statistics of the last twelve months, a rolling window.
func (l *liReading) pageLifetime(ctx context.Context) error {
	reply, err := l.shares(ctx, "page_statistics", "")
	if err != nil {
		return l.absorb(err, domain.MetricReach)
	}
	for _, e := range reply.Elements.list {
		if l.isAboutPage(e) && e.Share == "" && e.UGCPost == "" {
			l.addShares(e.Total.v, domain.Rolling, "months_12", "")
		}
	}
	return nil
}

// maxShareDays is the maximum number of days per call: an answer ends there even if the range does
// not (public connectors, November 2026).
const maxShareDays = 100

// pageDays reads daily statistics, the newest first. A day's reshares exclude instant reshares, so
// the days do not add up to the lifetime numbers.
func (l *liReading) pageDays(ctx context.Context) error {
	days := int(l.days[1].Sub(l.days[0]) / (24 * time.Hour))
	return l.each((days+maxShareDays-1)/maxShareDays, func(n int) error {
		end := l.days[1].AddDate(0, 0, -n*maxShareDays)
		first := end.AddDate(0, 0, -maxShareDays)
		if first.Before(l.days[0]) {
			first = l.days[0]
		}
		reply, err := l.shares(ctx, "page_days", "&timeIntervals="+timeIntervals(first, end))
		if err != nil {
			var names []string
			for _, m := range shareMetrics {
				names = append(names, m.name)
			}
			return l.absorb(err, l.missingNames(names)...)
		}
		for _, e := range reply.Elements.list {
			if day := milliTime(e.TimeRange.v.Start); l.isAboutPage(e) && !day.IsZero() {
				l.addShares(e.Total.v, domain.DayFlow, "", day.Format(time.DateOnly))
			}
		}
		if reply.hasNext() {
			return l.absorb(incompleteAnswer(l.platform, "page_days", "the answer does not contain all days"))
		}
		return nil
	})
}

// followerFacets is an answer of organizationalEntityFollowerStatistics without an interval. Places
// are URNs; [liReading.namePlaces] reads their names.
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

// pageDemographics reads only places: the platform reports no age and no gender.
func (l *liReading) pageDemographics(ctx context.Context) error {
	var reply followerFacets
	err := l.get(ctx, "page_demographics", l.t, "organizationalEntityFollowerStatistics",
		"q=organizationalEntity&organizationalEntity="+urnIn(l.urn), &reply)
	if err != nil {
		return l.absorb(err, "demographics")
	}
	for _, e := range reply.Elements {
		if !l.isPage(e.Entity) {
			continue
		}
		l.addFollowers("country", e.Countries)
		l.addFollowers("city", e.Areas)
	}
	l.snap.missDemographics()
	return nil
}

func (l *liReading) addFollowers(facet string, places list[placeFollows]) {
	values := map[string]int64{}
	for _, p := range places {
		if p.Geo != "" && (p.Counts.Organic.ok || p.Counts.Paid.ok) {
			values[string(p.Geo)] += p.Counts.Organic.n + p.Counts.Paid.n
		}
	}
	l.snap.addFacet(facet, values)
}

const (
	geoURN = "urn:li:geo:"
	// maxGeos is the maximum number of places per call, because their IDs make the URL long. The
	// names of further places are requested in the next reading.
	maxGeos = 100
	// maxNames is the maximum number of cached places, about 2 MB.
	maxNames = 20_000
	// maxPlaceName limits a name, in bytes.
	maxPlaceName = 200
)

// placeNames caches LinkedIn's place names. Many pages share few places, so a reading rarely
// encounters a new place after the first day. Names do not expire; a place without a name is
// requested again after [RefusedFor].
type placeNames struct {
	refused *negativeCache // accounts that may not read names
	now     func() time.Time

	mu    sync.Mutex
	known map[string]placeName // by ID
}

type placeName struct {
	name  string
	again time.Time // when to request a missing name again
}

func (p *placeNames) unknown(ids []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		place, known := p.known[id]
		return known && (place.name != "" || place.again.After(p.now()))
	})
}

// learn stores the names of the requested places. A place without a name in the answer is not
// requested again for a while.
func (p *placeNames) learn(requested []string, names map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range requested {
		for other := range p.known {
			if len(p.known) < maxNames {
				break
			}
			delete(p.known, other) // any entry: it is requested again if needed
		}
		p.known[id] = placeName{name: names[id], again: p.now().Add(RefusedFor)}
	}
}

// lookup returns the known names of places by URN, or nil if it knows none.
func (p *placeNames) lookup(urns map[string]int64) (names map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for urn := range urns {
		if place := p.known[strings.TrimPrefix(urn, geoURN)]; place.name != "" {
			if names == nil {
				names = map[string]string{}
			}
			names[urn] = place.name
		}
	}
	return names
}

// namePlaces adds the names of the followers' places. The values keep their URNs as keys, because
// two places may have the same name. One call requests unknown names, first those of the places
// with the most followers.
//
// LinkedIn documents GET /v2/geo?ids=List(1,2) with the header X-Restli-Protocol-Version: 2.0.0,
// and an answer in en_US if no locale is requested. It does not document the maximum number of IDs.
// We assume that the call needs no version and no permission beyond that for followers, and that
// the results omit an ID without a name.
//
// If the call fails, the reading is still valid and complete.
func (l *liReading) namePlaces(ctx context.Context) error {
	facets := l.snap.Demographics
	ask := l.places.unknown(placesOf(facets))
	if len(ask) > 0 && l.places.refused.allows("geo", l.t.ExternalID, "names") {
		l.askPlaces(ctx, ask[:min(len(ask), maxGeos)])
	}
	for i := range facets {
		facets[i].Names = l.places.lookup(facets[i].Values)
	}
	return nil
}

// askPlaces requests the names of places. It returns no error: failures appear only in the call
// statistics.
func (l *liReading) askPlaces(ctx context.Context, ids []string) {
	var reply struct { // a place that LinkedIn does not know has no result
		Results map[string]struct {
			Name maybe[struct {
				Value text `json:"value"`
			}] `json:"defaultLocalizedName"`
		} `json:"results"`
	}
	err := l.do(ctx, call{
		op: "geo_names", account: l.t.quotaAccount(), url: l.endpoint.BaseURL + "/v2/geo?ids=" + listOf(ids),
		token: l.t.AccessToken, header: map[string]string{"X-Restli-Protocol-Version": "2.0.0"},
	}, &reply)
	switch {
	case err == nil:
		names := map[string]string{}
		for id, place := range reply.Results {
			names[id] = domain.Storable(string(place.Name.v.Value), maxPlaceName)
		}
		l.places.learn(ids, names)
	case KindOf(err) == domain.StatusPermission, KindOf(err) == domain.StatusNotFound:
		l.places.refused.recordRefusal("geo", "names", l.t.ExternalID)
	}
}

// placesOf returns the IDs of the places, beginning with those with the most followers.
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
