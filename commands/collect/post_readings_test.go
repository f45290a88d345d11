package collect_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const halfDay = 12 * time.Hour

// aged publishes a post of each age.
func aged(days ...int) func(*simulator.Account) {
	return func(a *simulator.Account) {
		for _, n := range days {
			a.Posts = append(a.Posts, simulator.Post{
				ID: fmt.Sprintf("%s_%d", a.ID, 1000+n), Created: fetchDay.AddDate(0, 0, -n).Add(-time.Hour),
			})
		}
	}
}

func (f *fetchStage) postReadings(c connected, post string) []time.Time {
	f.t.Helper()
	return column[time.Time](f, `
		select captured_at from tSPostInsights where social_account_id = $1 and external_id = $2 order by 1`, c.ID, c.ExternalID+"_"+post)
}

func TestReadIntervalGrowsWithPostAge(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0, aged(1, 20, 60, 200))
	const days = 14
	for n := range 2 * days {
		s.round(domain.FetchPosts, domain.Facebook)
		if n == 0 {
			require.Equal(t, 4, s.number(`select count(*) from tSPostInsights`))
			require.Equal(t, 1, s.number(`select count(*) from tSPostInsights where growth_eligible`), "within the window")
		}
		s.clock.Advance(halfDay)
	}
	require.Len(t, s.postReadings(page, "1001"), 2*6+8, "each round within the window, then daily")
	require.InDelta(t, days, len(s.postReadings(page, "1020")), 4, "daily, weekly from 30 days on")
	require.Len(t, s.postReadings(page, "1060"), 2, "weekly")
	require.Len(t, s.postReadings(page, "1200"), 1, "every 30 days")
	s.store(page, s.tokens(page)) // by a sign-in, which may grant a permission that the last readings lacked
	for range 2 {
		s.roundAfter(halfDay, domain.FetchPosts, domain.Facebook)
	}
	require.Len(t, s.postReadings(page, "1200"), 2, "once after a sign-in")
}

func TestRetryInSameSlotSkipsPostsAlreadyRead(t *testing.T) {
	t.Parallel()
	throttled, batches := true, 0
	s := newFaultyStage(t, func(r *http.Request) (int, string) {
		if r.Method != http.MethodPost || !throttled {
			return 0, ""
		}
		if batches++; batches == 1 {
			return 0, ""
		}
		return http.StatusBadRequest, `{"error":{"message":"Too many calls","code":32}}`
	})
	page := s.connect(domain.Facebook, 0, func(a *simulator.Account) {
		for n := range 60 { // two calls of 50
			a.Posts = append(a.Posts, simulator.Post{ID: fmt.Sprintf("%s_%d", a.ID, 2000+n), Created: fetchDay.AddDate(0, 0, -n%6).Add(-time.Hour)})
		}
	})
	s.round(domain.FetchPosts, domain.Facebook)
	require.Equal(t, 50, s.number(`select count(*) from tSPostInsights`))
	throttled = false
	s.clock.Advance(s.state(domain.FetchPosts, page).DueAt.Sub(s.clock.Now()))
	s.round(domain.FetchPosts, domain.Facebook)
	require.Equal(t, 60, s.number(`select count(distinct external_id) from tSPostInsights`))
	require.Equal(t, 60, s.number(`select count(*) from tSPostInsights`), "nothing twice")
}

// A first figure was gained here if the post was published since the account is read, or at most a
// day before: what was read before the account itself says nothing.
func TestFirstFiguresOfNewPostAreGains(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.connect(domain.Facebook, 0, aged(0, 5))
	s.round(domain.FetchPosts, domain.Facebook)
	require.Equal(t, 2, s.number(`select count(*) from tSPostInsights`))
	require.Zero(t, s.number(`select count(*) from tSPostInsights where from_zero`), "nobody knows since when it is read")
	s.round(domain.FetchAccounts, domain.Facebook)
	s.roundAfter(12*time.Hour, domain.FetchPosts, domain.Facebook)
	require.Equal(t, 4, s.number(`select count(*) from tSPostInsights`))
	require.Equal(t, 1, s.number(`select count(*) from tSPostInsights where from_zero and published_at >= $1`, fetchDay.AddDate(0, 0, -1)))
	require.Equal(t, 1, s.number(`select count(*) from tSPostInsights where from_zero`))
}

// Deleted posts are requested as often as other posts of their age.
func TestRequestIntervalOfDeletedPostsGrowsWithAge(t *testing.T) {
	t.Parallel()
	gone := map[string]bool{"old": true, "new": true, "undated": true}
	client := &scripted{page: pagesOf(map[string]platforms.PostsPage{"": {Posts: []platforms.Post{
		publishedAgo("new", time.Hour), publishedAgo("old", 200*24*time.Hour), publishedAgo("live", 200*24*time.Hour), {ID: "undated"},
	}}}), reading: func(p platforms.Post) platforms.PostSnapshot {
		if gone[p.ID] {
			return platforms.PostSnapshot{Post: p, Err: &platforms.Error{Reason: domain.StatusNotFound, Message: "deleted"}}
		}
		return platforms.PostSnapshot{Post: p, Counts: domain.Counts{Likes: new(int64(1))}}
	}}
	s := newFetchStage(t, client.use)
	s.connect(domain.TikTok, 0)
	s.round(domain.FetchPosts, domain.TikTok)
	s.clock.Advance(time.Minute)
	s.exec(`update fetch_state set due_at = $1`, s.clock.Now()) // as if the result had not been stored
	s.round(domain.FetchPosts, domain.TikTok)
	require.Equal(t, map[string]int{"old": 1, "new": 1, "live": 1, "undated": 1}, client.asked, "once in a round")
	s.clock.Advance(halfDay)
	for range 2*60 - 1 {
		s.round(domain.FetchPosts, domain.TikTok)
		s.clock.Advance(halfDay)
	}
	require.Equal(t, client.asked["live"], client.asked["old"])
	require.Equal(t, 2, client.asked["old"])
	require.InDelta(t, client.asked["new"], client.asked["undated"], 1, "by how long it is gone")
	require.InDelta(t, 2*7+23+5, client.asked["new"], 3)
	require.Zero(t, s.number(`select count(*) from tSPostInsights where external_id <> 'live'`), "no reading is made up")
	require.Equal(t, client.asked["old"]+client.asked["new"]+client.asked["undated"], s.metric("posts_skipped_total", ""))

	clear(gone)
	s.roundAfter(30*24*time.Hour, domain.FetchPosts, domain.TikTok)
	require.Equal(t, 3, s.number(`select count(*) from tSPostInsights where external_id <> 'live'`), "it is back")
	require.Zero(t, s.number(`select count(*) from kept.post_notes`))
}

// A post with a value that can never be recorded does not affect the readings of other posts.
func TestInvalidPostDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]platforms.Post{
		"a count beyond any":    publishedAgo("odd", 2*time.Hour),
		"a year beyond any":     {ID: "odd", PublishedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"an id beyond the rows": {ID: strings.Repeat("9", 300), PublishedAt: fetchDay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := &scripted{page: pagesOf(map[string]platforms.PostsPage{
				"": {Posts: []platforms.Post{publishedAgo("1", time.Hour), odd, publishedAgo("3", 3*time.Hour), publishedAgo("4", 4*time.Hour)}},
			}), reading: func(p platforms.Post) platforms.PostSnapshot {
				likes := int64(1)
				if p.ID == "odd" {
					likes += 1 << 60
				}
				return platforms.PostSnapshot{Post: p, Counts: domain.Counts{Likes: &likes}}
			}}
			s := newFetchStage(t, client.use)
			user := s.connect(domain.TikTok, 0)
			for round := range 3 {
				require.Empty(t, s.round(domain.FetchPosts, domain.TikTok))
				require.Equal(t, 3*(round+1), s.number(`select count(*) from tSPostInsights where social_account_id = $1 and external_id in ('1', '3', '4')`, user.ID))
				s.clock.Advance(halfDay)
			}
			require.NotZero(t, s.metric("posts_skipped_total", string(domain.StatusInvalid)))
			require.Empty(t, s.state(domain.FetchPosts, user).Reason)
		})
	}
}

// Capture times are checked against the clock when they are appended, never in a fold.
func TestCaptureTimeAheadOfTheClockIsRefused(t *testing.T) {
	t.Parallel()
	tenant := domain.Tenant{ParentAccount: agency, AccountID: north, MemberID: 7, SocialAccount: 11}
	for name, reading := range map[string]func(at time.Time) commands.Fact{
		"account reading": func(at time.Time) commands.Fact {
			return domain.AccountRead{Tenant: tenant, Platform: domain.TikTok, CapturedAt: at}
		},
		"post reading": func(at time.Time) commands.Fact {
			return domain.PostRead{Tenant: tenant, Platform: domain.TikTok, ExternalID: "p", CapturedAt: at}
		},
		"registered post": func(at time.Time) commands.Fact {
			return domain.PostRegistered{Tenant: tenant, Platform: domain.TikTok, ExternalID: "p", Origin: domain.OriginListing, RegisteredAt: at}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var appended []domain.Draft
			log := batches(func(_ context.Context, drafts []domain.Draft) []error {
				appended = append(appended, drafts...)
				return make([]error, len(drafts))
			})
			record := func(at time.Time) error { return collect.Record(t.Context(), log, day0.Add(1500), reading(at))[0] }
			require.NoError(t, record(day0.Add(time.Minute)), "within the skew")
			require.NoError(t, record(day0.AddDate(-1, 0, 0)), "a back-fill")
			err := record(day0.Add(time.Minute + 2*time.Microsecond))
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			require.ErrorContains(t, err, "in the future")
			require.Len(t, appended, 2)
			require.NotEqual(t, appended[0].Envelope.ID, appended[1].Envelope.ID)
			for _, d := range appended {
				require.Equal(t, domain.TopicMetrics, d.Topic)
				require.Equal(t, "11", d.Key, "the social account: all of its readings in one partition")
				require.Equal(t, domain.Envelope{ID: d.Envelope.ID, Type: d.Data.EventType(), Subject: "11", Time: day0.Add(time.Microsecond)}, d.Envelope)
			}
		})
	}
}

// scripted is a platform whose answers a test says; what it does not say is a panic.
type scripted struct {
	platforms.Client
	page    func(cursor string) (platforms.PostsPage, error)
	reading func(p platforms.Post) platforms.PostSnapshot // nil: one like
	account func(ctx context.Context, r platforms.AccountRequest) (platforms.AccountSnapshot, error)

	mu     sync.Mutex
	listed []string       // cursors that were asked for
	asked  map[string]int // how often the metrics of each post were
}

// use makes it the client of all platforms.
func (s *scripted) use(config *collect.Config) { config.Client = s.For }

func (s *scripted) For(domain.Platform) (platforms.Client, error) { return s, nil }

func (s *scripted) Posts(_ context.Context, _ platforms.Target, cursor string) (platforms.PostsPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed = append(s.listed, cursor)
	return s.page(cursor)
}

func (s *scripted) PostMetrics(_ context.Context, _ platforms.Target, posts []platforms.Post) (out []platforms.PostSnapshot, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	for _, p := range posts {
		s.asked[p.ID]++
		if s.reading != nil {
			out = append(out, s.reading(p))
			continue
		}
		out = append(out, platforms.PostSnapshot{Post: p, Counts: domain.Counts{Likes: new(int64(1))}})
	}
	return out, nil
}

func (s *scripted) Account(ctx context.Context, _ platforms.Target, r platforms.AccountRequest) (platforms.AccountSnapshot, error) {
	return s.account(ctx, r)
}

// takeListed are the cursors asked for since the last call.
func (s *scripted) takeListed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := s.listed
	s.listed = nil
	return listed
}

// publishedAgo is a post of that age.
func publishedAgo(id string, age time.Duration) platforms.Post {
	return platforms.Post{ID: id, Type: platforms.TypePost, PublishedAt: fetchDay.Add(-age)}
}

// hiccup is a failure that passes.
func hiccup() error {
	return &platforms.Error{Reason: domain.StatusRetry, Status: 502, Message: "bad gateway"}
}
