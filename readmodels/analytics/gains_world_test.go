package analytics_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// social is a social account of the drawn worlds.
type social struct {
	id       int64
	platform domain.Platform
}

// gainsPages are social accounts of agency A, optionally next to another agency.
var gainsPages = []social{
	{21, domain.Facebook}, {22, domain.Instagram}, {23, domain.LinkedIn}, {24, domain.TikTok}, {25, domain.TikTok}, {26, domain.Facebook},
}

// gainsOwners are possible owners of a page of agency A: two members of client A, one of client C,
// and the agency.
var gainsOwners = []domain.Tenant{tenants[0], {ParentAccount: agencyA, AccountID: clientA, MemberID: successor}, tenants[1], tenants[3]}

// gainsSeasons are the first days of worlds of gainsDays: clocks change in all the zones within
// each.
var gainsSeasons = []time.Time{
	time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC),
}

const gainsDays = 100

var gainsZones = []string{"UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "America/Havana"}

// gainsWorld draws a world; the same seed draws the same one.
type gainsWorld struct {
	*rand.Rand
	world
	season time.Time
	events int
	mixed  bool // a page has day flows and a counter of one figure
	// more draws additional features of some worlds; a separate source keeps the other worlds and
	// the recorded seeds unchanged.
	more                *rand.Rand
	anyHour, withErased bool // pages change owners at any hour; readings of some are erased
}

func pick[E any](r *rand.Rand, values ...E) E { return values[r.IntN(len(values))] }

func drawGainsWorld(seed uint64) *gainsWorld {
	g := &gainsWorld{Rand: rand.New(rand.NewPCG(seed, 0x9a1)), world: world{Directory: tenantPeople()}}
	g.season, g.mixed = pick(g.Rand, gainsSeasons...), seed%5 == 0
	g.more = rand.New(rand.NewPCG(seed, 0x9a2))
	g.anyHour, g.withErased = seed%4 == 2, seed%4 >= 2
	for _, p := range gainsPages {
		if g.IntN(4) == 0 {
			continue
		}
		ownerships := g.drawOwnerships()
		g.drawAccountReadings(p, ownerships)
		g.drawPosts(p, ownerships)
		g.drawErasure(p, ownerships)
		if g.IntN(4) == 0 { // a second agency reads the same page for a while
			strangers := []ownership{{g.season, tenants[2]}}
			g.drawAccountReadings(p, strangers)
			g.drawPosts(p, strangers)
		}
		owned := ownedPage(ownerships[len(ownerships)-1].owner, p.id, p.platform)
		owned.Connected = g.IntN(4) > 0
		g.Directory = append(g.Directory, owned)
	}
	g.drawSubscriptions(rand.New(rand.NewPCG(seed, 0x9a3)))
	if n := len(g.Events); n > 0 { // some arrive twice
		for range g.IntN(3) {
			g.Events = append(g.Events, g.Events[g.IntN(n)])
		}
	}
	g.Shuffle(len(g.Events), func(i, j int) { g.Events[i], g.Events[j] = g.Events[j], g.Events[i] })
	return g
}

// drawSubscriptions draws up to two for each account. Some begin within a day, or when the one before
// ends; some are free, or in another currency.
func (g *gainsWorld) drawSubscriptions(more *rand.Rand) {
	for i, account := range []string{clientA, clientC, agencyA, clientB} {
		var before *time.Time
		for n := range g.IntN(3) {
			begins := g.season.AddDate(0, 0, g.IntN(gainsDays)-20)
			s := domain.DirectorySubscription{ID: int64(10*i + n + 1), AccountID: account, Currency: pick(more, "EUR", "EUR", "EUR", "USD")}
			if price := int64(1000 + g.IntN(9000)); g.IntN(4) > 0 {
				s.PriceMinor = new(pick(more, price, price, price, 0, 1))
			}
			s.StartsAt = begins.Add(time.Duration(pick(more, 0, 0, more.IntN(48))) * 30 * time.Minute)
			if before != nil && more.IntN(3) == 0 {
				s.StartsAt = *before
			}
			if ends := begins.AddDate(0, 0, 10+g.IntN(60)); g.IntN(2) == 0 && ends.After(s.StartsAt) {
				s.EndsAt = &ends
			}
			before = s.EndsAt
			g.Directory = append(g.Directory, s)
		}
	}
}

// ownership is the time at which an owner acquired a page.
type ownership struct {
	from  time.Time
	owner domain.Tenant
}

// drawOwnerships transfers a page now and then. Transfers are in the afternoon of UTC, so that no
// day of any zone ends between the last reading of one owner and the first of the next: the owner
// at the end of a day is unambiguous. In some worlds they are at any hour, and the last reading
// before the end decides.
func (g *gainsWorld) drawOwnerships() []ownership {
	out := []ownership{{g.season, pick(g.Rand, gainsOwners...)}}
	for range pick(g.Rand, 0, 0, 1, 2) {
		day := g.season.AddDate(0, 0, g.IntN(gainsDays))
		out = append(out, ownership{day.Add(15 * time.Hour), pick(g.Rand, gainsOwners...)})
	}
	for i := range out[1:] {
		if g.anyHour {
			out[i+1].from = out[i+1].from.Add(time.Duration(g.more.IntN(48)-24) * 30 * time.Minute)
		}
	}
	slices.SortFunc(out, func(a, b ownership) int { return a.from.Compare(b.from) })
	return out
}

func ownerAt(ownerships []ownership, at time.Time) domain.Tenant {
	owner := ownerships[0].owner
	for _, t := range ownerships {
		if !at.Before(t.from) {
			owner = t.owner
		}
	}
	return owner
}

// drawErasure erases agency A's readings of a page up to an instant; its posts are listed again.
func (g *gainsWorld) drawErasure(p social, ownerships []ownership) {
	if !g.withErased || g.more.IntN(2) == 0 {
		return
	}
	var captures []time.Time
	posts := map[string]*time.Time{}
	for _, ev := range g.Events {
		switch e := ev.Data.(type) {
		case domain.AccountRead:
			if e.SocialAccount == p.id && e.ParentAccount == agencyA {
				captures = append(captures, e.CapturedAt)
			}
		case domain.PostRegistered:
			if e.SocialAccount == p.id && e.ParentAccount == agencyA {
				posts[e.ExternalID] = e.PublishedAt
			}
		}
	}
	if len(captures) == 0 {
		return
	}
	at := pick(g.more, captures...).Add(time.Duration(pick(g.more, 0, 0, 1, 40*60*1_000_000)) * time.Microsecond)
	owner := ownerAt(ownerships, at)
	g.add(domain.AccountErased{ParentAccount: agencyA, AccountID: owner.AccountID, SocialAccount: p.id, Platform: p.platform, ErasedAt: at})
	for _, id := range slices.Sorted(maps.Keys(posts)) {
		g.add(registered(tenantOf(owner, p.id), p.platform, id, at, posts[id]))
	}
}

// drawPosts draws posts, registered again by some new owners, with readings that lack figures.
func (g *gainsWorld) drawPosts(p social, ownerships []ownership) {
	for n := range g.IntN(4) {
		id, times := fmt.Sprintf("p%d", n), g.readingTimes(8)
		published := g.season.AddDate(0, 0, -g.IntN(60)).Add(7 * time.Hour)
		if len(times) == 0 {
			continue
		}
		slices.SortFunc(times, time.Time.Compare)
		switch g.IntN(4) {
		case 0: // after its readings: clocks differ, and plans change
			published = pick(g.Rand, times...).Add(time.Duration(g.IntN(20*24)) * time.Hour)
		case 1:
		default:
			published = times[0].Add(-time.Hour)
		}
		for i, t := range ownerships {
			if i == 0 || g.IntN(2) == 0 {
				g.add(registered(tenantOf(t.owner, p.id), p.platform, id, later(t.from, published), &published))
			}
		}
		g.drawPostReadings(p, id, published, times, ownerships)
	}
}

func (g *gainsWorld) drawPostReadings(p social, id string, published time.Time, times []time.Time, ownerships []ownership) {
	fromZero, absent := g.IntN(2) == 0, g.IntN(4)
	figures := domain.PostMetrics()
	counts := make([]int64, len(figures))
	for _, at := range times {
		// two readings at the same instant: the smaller event id counts
		for range pick(g.Rand, 1, 1, 1, 1, 1, 1, 1, 1, 2) {
			for i := range counts {
				counts[i] += int64(g.IntN(20) - 2)
			}
			read := domain.PostRead{
				Tenant: tenantOf(ownerAt(ownerships, at), p.id), Platform: p.platform, ExternalID: id, CapturedAt: at, PublishedAt: &published,
				FromZero: fromZero != (g.IntN(10) == 0), GrowthWindow: "168h0m0s",
			}
			for i, figure := range figures {
				if g.IntN(8) >= absent {
					*domain.MetricOf(&read.Counts, figure) = new(counts[i])
				}
			}
			g.add(read)
		}
	}
}

// instant returns a time at or near which ranges may end, on a day of the season.
func (g *gainsWorld) instant(day int) time.Time {
	date := g.season.AddDate(0, 0, day)
	at := date.Add(time.Duration(g.IntN(48)) * 30 * time.Minute)
	if g.IntN(2) == 0 { // where the day begins in a zone
		at = firstInstant(date, zone(pick(g.Rand, gainsZones...)))
	}
	return at.Add(time.Duration(pick(g.Rand, 0, 0, 0, -1, 1, 700_000)) * time.Microsecond)
}

// readingTimes returns when a page or post is read: daily for a while, then not for weeks, then
// again.
func (g *gainsWorld) readingTimes(most int) (times []time.Time) {
	for day := g.IntN(20); day < gainsDays && len(times) < most; {
		times = append(times, g.instant(day))
		day += pick(g.Rand, 0, 1, 1, 1, 2, 5, 9, 24, 40)
	}
	return times
}

// drawAccountReadings reads a page under its owners. At a transfer, one reads just before it and
// the other just after.
func (g *gainsWorld) drawAccountReadings(p social, ownerships []ownership) {
	times := g.readingTimes(9)
	if p.platform != domain.TikTok { // without day flows, the owner is unambiguous at any time
		for _, t := range ownerships[1:] {
			times = append(times, t.from.Add(-30*time.Minute), t.from)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	followers, likes := int64(100+g.IntN(900)), int64(g.IntN(500))
	for i, at := range times {
		followers += int64(g.IntN(40) - 10)
		likes += int64(g.IntN(50) - 5)
		g.addAccountReading(p, ownerAt(ownerships, at), at, i == 0, followers, likes)
	}
}

func (g *gainsWorld) addAccountReading(p social, owner domain.Tenant, at time.Time, first bool, followers, likes int64) {
	read := domain.AccountRead{Tenant: tenantOf(owner, p.id), Platform: p.platform, CapturedAt: at}
	add := func(name string, kind domain.Kind, source, day, window string, v int64) {
		if g.IntN(6) > 0 { // otherwise absent
			read.Figures = append(read.Figures, domain.Figure{Name: name, Kind: kind, Value: v, Source: source, Day: day, Window: window})
		}
	}
	add(domain.MetricFollowers, domain.Stock, "followers_count", "", "", followers)
	if p.platform == domain.LinkedIn {
		// shown as read, in no gain
		add(domain.MetricEngagement, domain.Rolling, "lifetime", "", "months_12", likes)
	}
	switch p.platform {
	case domain.TikTok:
		add(domain.MetricLikes, domain.Cumulative, "likes_count", "", "", likes)
		add(domain.MetricEngagement, domain.Cumulative, "likes_count", "", "", likes)
		add(domain.MetricPosts, domain.Stock, "video_count", "", "", followers/10)
	default:
		if g.mixed && p.platform == domain.Instagram {
			add(domain.MetricEngagement, domain.Cumulative, "counter", "", "", likes)
		}
		days := pick(g.Rand, 1, 2, 3)
		// an owner's first reading, or one after a reconnect: earlier days follow immediately
		if first || g.IntN(8) == 0 {
			g.add(read)
			read = domain.AccountRead{Tenant: read.Tenant, Platform: p.platform, CapturedAt: at.Add(time.Second), Backfilled: true}
			days = pick(g.Rand, 7, 20, 30)
		}
		// includes today's number, which a later reading corrects
		for ago := 0; ago <= days; ago++ {
			day := at.UTC().AddDate(0, 0, -ago).Format(time.DateOnly)
			if g.IntN(3) > 0 {
				add(domain.MetricEngagement, domain.DayFlow, "page_post_engagements", day, "", int64(g.IntN(30)))
			}
			if g.IntN(3) > 0 {
				add(domain.MetricImpressions, domain.DayFlow, "page_media_view", day, "", int64(g.IntN(300)))
			}
			if g.IntN(3) > 0 && p.platform != domain.LinkedIn {
				add(domain.MetricViews, domain.DayFlow, "page_media_view", day, "", int64(g.IntN(300)))
			}
		}
	}
	g.add(read)
}

func (g *gainsWorld) add(data domain.Data) {
	g.Add(fmt.Sprintf("e%03d", g.events), data)
	g.events++
}

// furnish adds what has no gains, to reading after reading: windows of reach, figures as read and
// demographics; and posts that are undated, never read or not registered, or have a category, a plan
// or a text.
func (g *gainsWorld) furnish() {
	g.Directory = append(g.Directory, domain.DirectoryCategory{ID: 1, Name: "one"}, domain.DirectoryCategory{ID: 2, Name: "two"})
	furnished := map[string]domain.AccountRead{}
	for i, ev := range g.Events {
		read, ok := ev.Data.(domain.AccountRead)
		if !ok {
			continue
		}
		if _, again := furnished[ev.Envelope.ID]; !again {
			furnished[ev.Envelope.ID] = g.furnished(read)
		}
		g.Events[i].Data = furnished[ev.Envelope.ID]
	}
	planned := map[string]bool{}
	for n := range g.IntN(20) {
		p, owner := pick(g.Rand, gainsPages...), pick(g.Rand, append(gainsOwners, tenants[2])...)
		post := registered(tenantOf(owner, p.id), p.platform, pick(g.Rand, "p0", "p1", "p2", "P3", "ä4"), g.instant(g.IntN(gainsDays)), nil)
		if g.IntN(4) > 0 {
			post.PublishedAt = new(g.instant(g.IntN(gainsDays) - 20))
		}
		switch of := fmt.Sprint(p.id, post.ExternalID, owner.AccountID); {
		case g.IntN(3) == 0:
			post.CategoryID = new(int64(1 + g.IntN(2)))
		case !planned[of] && g.IntN(2) == 0:
			planned[of] = true
			g.Directory = append(g.Directory, domain.DirectoryPlannedPost{
				ID: int64(n + 1), AccountID: owner.AccountID, SocialAccount: p.id, ExternalID: post.ExternalID, CategoryID: int64(1 + g.IntN(2)),
			})
		}
		g.add(post)
		g.Say(domain.PostContent{
			PostRef: domain.PostRefOf(post), AccountID: owner.AccountID, Origin: post.Origin, PostTexts: domain.PostTexts{
				Content: fmt.Sprint("text ", n), MediaURL: fmt.Sprint("https://img.example/", n), Permalink: fmt.Sprint("https://post.example/", n),
			},
		}, post.RegisteredAt)
	}
	for range g.IntN(4) {
		p := pick(g.Rand, gainsPages...)
		g.drawPostReadings(p, pick(g.Rand, "p1", "P3", "unregistered"), g.season, g.readingTimes(5), []ownership{{g.season, pick(g.Rand, gainsOwners...)}})
	}
}

func (g *gainsWorld) furnished(read domain.AccountRead) domain.AccountRead {
	add := func(name, window string, ago int) {
		f := domain.Figure{Name: name, Kind: domain.Rolling, Value: g.Int64N(500), Source: "rolling", Window: window}
		if ago > 0 {
			f.Day = read.CapturedAt.AddDate(0, 0, -ago).Format(time.DateOnly)
		}
		if g.IntN(5) > 0 {
			read.Figures = append(read.Figures, f)
		}
	}
	switch read.Platform {
	case domain.Facebook, domain.Instagram:
		for _, window := range []string{"day", "days_3", "week"} {
			add(domain.MetricReach, window, 2)
			add(domain.MetricReach, window, 1)
		}
	case domain.LinkedIn:
		add(domain.MetricImpressions, "months_12", 0)
		add(domain.MetricReach, "months_12", 0)
	}
	for _, facet := range []string{"age", "gender", "country", "city"} {
		if g.IntN(3) == 0 {
			read.Demographics = append(read.Demographics, domain.DemographicFacet{
				Facet: facet, Values: map[string]int64{"x": 1 + g.Int64N(9), pick(g.Rand, "y", "z"): 1 + g.Int64N(9)},
			})
		}
	}
	return read
}
