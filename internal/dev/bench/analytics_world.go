package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
)

// The world that the analytics are measured in: agencies that are like each other.
const (
	figureSocials  = 100 // social accounts of an agency, a quarter on each platform
	figurePosts    = 2000
	figureClients  = 20
	figureMembers  = 50
	figureReadings = 100 // of each post and account, every 12 hours: 50 days
	figureEvery    = 12 * time.Hour
)

// figureNow is when the figures are asked for: half a day after the last reading.
func figureNow() time.Time { return firstReading.Add(figureReadings*figureEvery - 6*time.Hour) }

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

// fillFigures folds agencies from first up to (not including) end with the projectors' own folds, slot by
// slot, as the fetchers' readings come.
func fillFigures(ctx context.Context, pool *pgxpool.Pool, first, end int) error {
	const workers = 2
	var group errgroup.Group
	for w := range workers {
		var mine []int
		for n := first + w; n < end; n += workers {
			mine = append(mine, n)
		}
		group.Go(func() error { return foldAgencies(ctx, pool, mine, w == 0) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("fill readings: %w", err)
	}
	if _, err := pool.Exec(ctx, "vacuum analyze"); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	return nil
}

func foldAgencies(ctx context.Context, pool *pgxpool.Pool, agencies []int, analyses bool) error {
	for _, n := range agencies {
		err := errors.Join(
			foldInto(ctx, pool, projections.Directory{}, figureDirectory(n)),
			foldInto(ctx, pool, projections.PostInsights{}, figureRegistrations(n)),
		)
		if err != nil {
			return err
		}
	}
	for slot := range figureReadings {
		at := firstReading.Add(time.Duration(slot) * figureEvery)
		if analyses && slot%25 == 2 { // as autovacuum does within a minute
			if _, err := pool.Exec(ctx, "analyze"); err != nil {
				return fmt.Errorf("analyze: %w", err)
			}
		}
		for _, n := range agencies {
			err := errors.Join(
				foldInto(ctx, pool, projections.PostInsights{}, figurePostReads(n, slot, at)),
				foldInto(ctx, pool, projections.AccountInsights{}, figureAccountReads(n, slot, at)),
			)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func foldInto(ctx context.Context, pool *pgxpool.Pool, p projections.Projector, events []projections.Event) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		fold := p.Begin(1)
		if err := fold.Load(ctx, tx, events); err != nil {
			return err
		}
		for _, ev := range events {
			if err := fold.Apply(ev); err != nil {
				return err
			}
		}
		return fold.Write(ctx, tx)
	})
}

func figureEvent(id string, data domain.Data) projections.Event {
	return projections.Event{Recorded: domain.Recorded{Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data}}
}

// figureID is the id of an event, as long as real ones are.
func figureID(n, slot, i int) string { return fmt.Sprintf("%08x-0000-7000-8000-%06x%06x", slot, n, i) }

func figureDirectory(n int) []projections.Event {
	var events []projections.Event
	put := func(e domain.DirectoryEntity) {
		ev := figureEvent(e.EntityID(), e)
		ev.Key = domain.EntityKey(e)
		events = append(events, ev)
	}
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

// figurePublished spreads the posts over the 50 days before the readings begin.
func figurePublished(post int) time.Time {
	return firstReading.Add(-time.Duration(post%600+1) * 2 * time.Hour)
}

func figureExternal(post int) string { return fmt.Sprintf("17841400000000000_%06d", post) }

func figureRegistrations(n int) []projections.Event {
	events := make([]projections.Event, figurePosts)
	for post := range figurePosts {
		social := post % figureSocials
		events[post] = figureEvent(fmt.Sprintf("g-%d-%d", n, post), domain.PostRegistered{
			Tenant: figureTenant(n, social), Platform: figurePlatform(social), ExternalID: figureExternal(post), Origin: domain.OriginListing,
			RegisteredAt: firstReading, PublishedAt: new(figurePublished(post)), CategoryID: new(int64(post%5 + 1)), PostType: "image",
			Content:   "Autumn is here, and so are our new opening hours: come and see us from Monday to Saturday.",
			Permalink: "https://example.com/posts/" + figureExternal(post),
		})
	}
	return events
}

func figurePostReads(n, slot int, at time.Time) []projections.Event {
	events := make([]projections.Event, figurePosts)
	for post := range figurePosts {
		social := post % figureSocials
		likes := int64(10 + slot*(post%17+1))
		comments, shares, views := likes/3, likes/7, likes*20
		events[post] = figureEvent(figureID(n, slot, post), domain.PostRead{
			Tenant: figureTenant(n, social), Platform: figurePlatform(social), ExternalID: figureExternal(post),
			CapturedAt: at.Add(time.Duration(social) * time.Second), PublishedAt: new(figurePublished(post)),
			Counts:       domain.Counts{Likes: &likes, Comments: &comments, Shares: &shares, Views: &views, Impressions: &views},
			GrowthWindow: "168h0m0s", SubscriptionActive: true,
		})
	}
	return events
}

func figureAccountReads(n, slot int, at time.Time) []projections.Event {
	events := make([]projections.Event, figureSocials)
	for social := range figureSocials {
		p := figurePlatform(social)
		events[social] = figureEvent(figureID(n, slot, figurePosts+social), domain.AccountRead{
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
