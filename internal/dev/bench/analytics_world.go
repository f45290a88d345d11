package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// firstReading is when the measured readings begin.
var firstReading = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// The worlds that the analytics are measured in: agencies that are like each other.
const (
	figureSocials = 100 // social accounts of an agency, a quarter on each platform
	figureClients = 20
	figureMembers = 50
	figureEvery   = 12 * time.Hour // of accounts; of posts by their world
)

// figureWorld is what an agency has: about 200,000 readings of posts, and readings of its accounts every 12
// hours.
type figureWorld struct {
	name  string // of its measurements
	posts int    // of an agency
	slots int    // of 12 hours, from [firstReading] on
	// ladder: posts appear all the time and are read ever less often, as the fetcher does. Without,
	// all of them are older than the first reading and read in every slot.
	ladder   bool
	agencies int // if set, instead of -agencies

	days int    // of the ranges that are asked for
	zone string // of their days
}

// figureWorlds are a crowded one, in which every post is read every 12 hours for 50 days, that of an agency
// that uses the service with its defaults for a year, and one with rankings of very many posts.
func figureWorlds(days int, zone string) []figureWorld {
	worlds := []figureWorld{
		crowded(),
		{name: "analytics_year", posts: 4400, slots: 730, ladder: true},
		{name: "analytics_many_posts", posts: 100_000, slots: 20, agencies: 1},
	}
	for i := range worlds {
		worlds[i].days, worlds[i].zone = days, zone
	}
	return worlds
}

// crowded is the world in which every reading is of every post.
func crowded() figureWorld { return figureWorld{name: "analytics", posts: 2000, slots: 100} }

const figureWindow = 7 * 24 * time.Hour

// now is when the figures are asked for: half a day after the last reading.
func (f figureWorld) now() time.Time {
	return firstReading.Add(time.Duration(f.slots)*figureEvery - 6*time.Hour)
}

// published spreads the posts over the time of the readings, by the ladder, or over the 50 days before
// them. Posts of an account are evenly apart.
func (f figureWorld) published(post int) time.Time {
	if !f.ladder {
		return firstReading.Add(-time.Duration(post%600+1) * 2 * time.Hour)
	}
	whole := time.Duration(f.slots-1) * figureEvery
	return firstReading.Add(whole / time.Duration(f.posts) * time.Duration(post)).Truncate(time.Second)
}

// readIn are the slots in which a post is read.
func (f figureWorld) readIn(post int) (slots []int) {
	first := int(f.published(post).Sub(firstReading)/figureEvery) + 1
	if !f.ladder {
		first = 0
	}
	last := -1
	for slot := first; slot < f.slots; slot++ {
		age := time.Duration(slot)*figureEvery - f.published(post).Sub(firstReading)
		if last < 0 || !f.ladder || time.Duration(slot-last)*figureEvery >= collect.ReadAgainAfter(age, figureWindow) {
			slots, last = append(slots, slot), slot
		}
	}
	return slots
}

// readings are those of an agency's posts.
func (f figureWorld) readings() (n int) {
	for post := range f.posts {
		n += len(f.readIn(post))
	}
	return n
}

// plan is which posts are read in each slot.
func (f figureWorld) plan() [][]int {
	plan := make([][]int, f.slots)
	for post := range f.posts {
		for _, slot := range f.readIn(post) {
			plan[slot] = append(plan[slot], post)
		}
	}
	return plan
}

// counted is how far a post's counters have come in a slot: in the crowded world they never rest, else most
// comes in the first weeks.
func (f figureWorld) counted(post, slot int) int64 {
	if !f.ladder {
		return int64(slot)
	}
	return min(60, int64(slot)-int64(f.published(post).Sub(firstReading)/figureEvery))
}

func figureAgency(n int) string            { return fmt.Sprintf("%024x", 0xa000000+n) }
func figureClient(n, i int) string         { return fmt.Sprintf("%024x", 0xc0000000+n*figureClients+i) }
func figureMember(n, i int) int64          { return int64(n*figureMembers + i + 1) }
func figureSocial(n, i int) int64          { return int64(n*figureSocials + i + 1) }
func figurePlatform(i int) domain.Platform { return domain.Platforms()[i%len(domain.Platforms())] }

func figureTenant(n, social int) domain.Tenant {
	return domain.Tenant{
		ParentAccount: figureAgency(n), AccountID: figureClient(n, social%figureClients),
		MemberID: figureMember(n, social%figureMembers), SocialAccount: figureSocial(n, social),
	}
}

// fillTables folds so many agencies with the projectors' own folds, slot by slot, as the fetchers' readings
// come.
func (f figureWorld) fillTables(b *bench, pool *pgxpool.Pool, agencies int) {
	const workers = 2
	var group errgroup.Group
	for worker := range workers {
		var mine []int
		for n := worker; n < agencies; n += workers {
			mine = append(mine, n)
		}
		group.Go(func() error { return f.fold(b.ctx, pool, mine, worker == 0) })
	}
	require.NoError(b, group.Wait())
	ledgertest.Exec(b, pool, "vacuum analyze")
	b.checkpoint(pool)
}

func (f figureWorld) fold(ctx context.Context, pool *pgxpool.Pool, agencies []int, analyses bool) error {
	for _, n := range agencies {
		err := errors.Join(
			tables.Fold(ctx, pool, projectors.Directory, figureDirectory(n)),
			tables.Fold(ctx, pool, projectors.PostInsights, f.registrations(n)),
			tables.Fold(ctx, pool, projectors.Contents, f.contents(n)),
		)
		if err != nil {
			return err
		}
	}
	for slot, posts := range f.plan() {
		at := firstReading.Add(time.Duration(slot) * figureEvery)
		if analyses && slot%max(25, f.slots/10) == 2 { // as autovacuum does within a minute
			if _, err := pool.Exec(ctx, "analyze"); err != nil {
				return fmt.Errorf("analyze: %w", err)
			}
		}
		for _, n := range agencies {
			err := errors.Join(
				tables.Fold(ctx, pool, projectors.PostInsights, f.postReads(n, slot, posts, at)),
				tables.Fold(ctx, pool, projectors.AccountInsights, f.accountReads(n, slot, at)),
			)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// livePosts is about the number of posts of [ledger.fill]; each is read 6 or 7 times.
const livePosts = 8_000

// fill appends registrations and readings of about livePosts posts to so many partitions, and returns them
// by partition.
func (l *ledger) fill(b *bench, partitions int32, left int) [][]fold.Event {
	all := l.partitions(domain.TopicMetrics)
	world, byPartition := crowded(), make([][]fold.Event, partitions)
	agencies := livePosts / world.posts * int(all) / int(partitions) // posts of other partitions are left out
	partitionOf := func(n, post int) int32 {
		return eventlog.PartitionOf([]byte(figureTenant(n, post%figureSocials).Key()), all)
	}
	put := func(n int, posts []int, events []fold.Event) {
		for i, post := range posts {
			if p := partitionOf(n, post); left > 0 {
				byPartition[p] = append(byPartition[p], events[i])
				left--
			}
		}
	}
	plans := make([][]int, agencies) // the posts of each agency
	for n := range plans {
		var registrations []fold.Event
		for post, event := range world.registrations(n) {
			if partitionOf(n, post) < partitions {
				plans[n], registrations = append(plans[n], post), append(registrations, event)
			}
		}
		put(n, plans[n], registrations)
	}
	for slot := 0; left > 0; slot++ {
		for n, plan := range plans {
			put(n, plan, world.postReads(n, slot, plan, firstReading.Add(time.Duration(slot)*figureEvery)))
		}
	}
	for _, events := range byPartition {
		require.NoError(b, l.appendFacts(b.ctx, events...))
	}
	return byPartition
}

func figureEvent(id string, data domain.Data) fold.Event {
	return fold.Event{Recorded: domain.Recorded{Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data}}
}

// figureID is the id of an event, as long as real ones are.
func figureID(n, slot, i int) string { return fmt.Sprintf("%08x-0000-7000-8000-%06x%06x", slot, n, i) }

func entity(e domain.DirectoryEntity) fold.Event {
	ev := figureEvent(e.EntityID(), e)
	ev.Key = domain.EntityKey(e)
	return ev
}

func figureDirectory(n int) []fold.Event {
	var events []fold.Event
	put := func(e domain.DirectoryEntity) { events = append(events, entity(e)) }
	put(domain.DirectoryAccount{ID: figureAgency(n), RowID: int64(1_000_000 + n), Name: fmt.Sprint("Agency ", n), Active: true})
	for i := range figureClients {
		id := figureClient(n, i)
		put(domain.DirectoryAccount{
			ID: id, RowID: int64(n*figureClients + i + 1), ParentAccount: figureAgency(n),
			Name: fmt.Sprint("Client ", i), Active: true,
		})
		put(domain.DirectorySubscription{
			ID: int64(n*figureClients + i + 1), AccountID: id, Plan: "managed", PriceMinor: new(int64(9900)), Currency: "EUR",
			StartsAt: firstReading.AddDate(-1, 0, 0),
		})
	}
	for i := range figureMembers {
		put(domain.DirectoryMember{
			ID: figureMember(n, i), AccountID: figureClient(n, i%figureClients), Name: fmt.Sprint("Member ", i), Active: true,
		})
	}
	for i := range figureSocials {
		t := figureTenant(n, i)
		put(domain.DirectorySocialAccount{
			ID: t.SocialAccount, ParentAccount: t.ParentAccount, AccountID: t.AccountID, MemberID: t.MemberID, ConnectionID: t.SocialAccount,
			Platform: figurePlatform(i), ExternalID: fmt.Sprint("x", i), Name: fmt.Sprint("Page ", i), Connected: true,
		})
	}
	return events
}

func figureExternal(post int) string { return fmt.Sprintf("17841400000000000_%06d", post) }

func (f figureWorld) registrations(n int) []fold.Event {
	events := make([]fold.Event, f.posts)
	for post := range f.posts {
		social := post % figureSocials
		registered := firstReading
		if published := f.published(post); published.After(registered) {
			registered = published
		}
		events[post] = figureEvent(fmt.Sprintf("g-%d-%d", n, post), domain.PostRegistered{
			Tenant: figureTenant(n, social), Platform: figurePlatform(social), ExternalID: figureExternal(post), Origin: domain.OriginListing,
			RegisteredAt: registered, PublishedAt: new(f.published(post)), CategoryID: new(int64(post%5 + 1)), PostType: "image",
		})
	}
	return events
}

func (f figureWorld) contents(n int) []fold.Event {
	events := make([]fold.Event, f.posts)
	for post := range f.posts {
		social := post % figureSocials
		ref := domain.PostRef{ParentAccount: figureAgency(n), SocialAccount: figureTenant(n, social).SocialAccount, ExternalID: figureExternal(post)}
		events[post] = figureEvent(fmt.Sprintf("c-%d-%d", n, post), domain.PostContent{
			PostRef: ref, AccountID: figureTenant(n, social).AccountID, Origin: domain.OriginListing, PostTexts: domain.PostTexts{
				Content:   "Autumn is here, and so are our new opening hours: come and see us from Monday to Saturday.",
				Permalink: "https://example.com/posts/" + figureExternal(post),
			},
		})
		events[post].Key, events[post].Envelope.Time = ref.ContentKey(domain.OriginListing), firstReading
	}
	return events
}

func (f figureWorld) postReads(n, slot int, posts []int, at time.Time) []fold.Event {
	events := make([]fold.Event, len(posts))
	for i, post := range posts {
		social := post % figureSocials
		likes := 10 + f.counted(post, slot)*int64(post%17+1)
		comments, shares, views := likes/3, likes/7, likes*20
		published, captured := f.published(post), at.Add(time.Duration(social)*time.Second)
		read := domain.PostRead{
			Tenant: figureTenant(n, social), Platform: figurePlatform(social), ExternalID: figureExternal(post),
			CapturedAt: captured, PublishedAt: &published,
			Counts:       domain.Counts{Likes: &likes, Comments: &comments, Shares: &shares, Views: &views, Impressions: &views},
			GrowthWindow: figureWindow.String(), SubscriptionActive: true,
		}
		if read.Platform == domain.Instagram {
			read.Saves, read.AvgWatch = &comments, new(2_000+int64(post%9)*700)
		}
		if f.ladder {
			read.GrowthEligible = captured.Sub(published) <= figureWindow
			read.TrackedSince = new(firstReading)
			read.FromZero = domain.BeganAtZero(read.PublishedAt, read.TrackedSince)
		}
		events[i] = figureEvent(figureID(n, slot, post), read)
	}
	return events
}

func (f figureWorld) accountReads(n, slot int, at time.Time) []fold.Event {
	events := make([]fold.Event, figureSocials)
	for social := range figureSocials {
		p := figurePlatform(social)
		events[social] = figureEvent(figureID(n, slot, f.posts+social), domain.AccountRead{
			Tenant: figureTenant(n, social), Platform: p, CapturedAt: at.Add(time.Duration(social) * time.Second),
			Figures: figuresOf(p, int64(slot), at),
		})
	}
	return events
}

// figuresOf are what each platform gives of an account.
func figuresOf(p domain.Platform, slot int64, at time.Time) []domain.Figure {
	figures := []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: 5000 + slot, Source: "followers_count"}}
	flow := func(source string, names ...string) {
		for ago := 2; ago >= 1; ago-- {
			for _, name := range names {
				figures = append(figures, domain.Figure{
					Name: name, Kind: domain.DayFlow, Value: 100 + slot, Source: source, Day: at.AddDate(0, 0, -ago).Format(time.DateOnly),
				})
			}
		}
	}
	switch p {
	case domain.Facebook, domain.Instagram:
		flow("page_media_view", domain.MetricViews, domain.MetricImpressions)
		flow("page_post_engagements", domain.MetricEngagement)
		for _, window := range []string{"day", "week", "days_28"} {
			figures = append(figures, domain.Figure{
				Name: domain.MetricReach, Kind: domain.Rolling, Value: 900 + slot, Source: "reach",
				Day: at.AddDate(0, 0, -1).Format(time.DateOnly), Window: window,
			})
		}
	case domain.LinkedIn:
		flow("totalShareStatistics", domain.MetricEngagement, domain.MetricImpressions)
		figures = append(figures, domain.Figure{
			Name: domain.MetricEngagement, Kind: domain.Rolling, Value: 9000 + slot, Source: "totalShareStatistics", Window: "months_12",
		})
	case domain.TikTok:
		figures = append(
			figures,
			domain.Figure{Name: domain.MetricEngagement, Kind: domain.Cumulative, Value: 1000 + 10*slot, Source: "likes_count"},
			domain.Figure{Name: domain.MetricPosts, Kind: domain.Stock, Value: 20, Source: "video_count"},
		)
	}
	return figures
}
