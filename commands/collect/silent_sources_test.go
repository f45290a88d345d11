package collect_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// silent are the sources that have given no figures for a day.
func (s *fetchStage) silent() []domain.SilentSource {
	s.t.Helper()
	silent, err := s.collect.Silent(s.t.Context())
	require.NoError(s.t, err)
	return silent
}

// Photos are refused whatever is done, reels are read: after a day photos are an alarm with the platform's words, and
// the first photo that is read ends it.
func TestKindOfPostThatGivesNoFiguresForADayIsTold(t *testing.T) {
	t.Parallel()
	refused := true
	photo, reel := publishedAgo("p", 2*time.Hour), publishedAgo("r", 2*time.Hour)
	photo.Type, reel.Type = platforms.TypePhoto, platforms.TypeReel
	client := &scripted{
		page: func(string) (platforms.PostsPage, error) {
			return platforms.PostsPage{Posts: []platforms.Post{photo, reel}}, nil
		},
		reading: func(p platforms.Post) platforms.PostSnapshot {
			switch {
			case p.Type == platforms.TypeReel:
				return platforms.PostSnapshot{Post: p, Counts: domain.Counts{Views: new(int64(0))}}
			case refused:
				return platforms.PostSnapshot{Post: p, Err: &platforms.Error{
					Class: platforms.ClassInvalid, Platform: domain.Facebook, Op: "post_metrics", Status: http.StatusInternalServerError, Code: "100",
					Words: "The ids query parameter is deprecated",
				}}
			default:
				return platforms.PostSnapshot{Post: p, Counts: domain.Counts{Likes: new(int64(0))}}
			}
		},
	}
	s := newFetchStage(t, client.use)
	s.connect(domain.Facebook, 0)
	for range 2 {
		s.round(domain.FetchPosts, domain.Facebook)
		require.Empty(t, s.silent(), "not for a day yet")
		s.clock.advance(halfDay)
	}
	s.round(domain.FetchPosts, domain.Facebook)
	silent := s.silent()
	require.Len(t, silent, 1)
	require.Equal(t, platforms.TypePhoto, silent[0].Kind)
	require.Equal(t, fetchDay, silent[0].Since)
	require.Equal(t, 3, silent[0].Readings)
	require.Equal(t, "facebook photo: none of 3 readings since 2026-11-19 12:00 UTC brought figures (facebook post_metrics: invalid (HTTP 500, code 100))", silent[0].String())
	require.Equal(t, "facebook post_metrics: invalid (HTTP 500, code 100)", silent[0].Why)
	require.Equal(t, 1, s.number(`select count(*) from kept.platform_words where kind = $1 and words = 'The ids query parameter is deprecated'`,
		domain.FetchPosts), "what it said is there for who looks into it")

	s.clock.advance(halfDay)
	refused = false
	s.round(domain.FetchPosts, domain.Facebook)
	require.Empty(t, s.silent())
}

// A platform that answers no reading of accounts for a day is told, with other platforms left out of it; one connection
// that works is enough to end it.
func TestPlatformThatGivesNoFiguresForADayIsTold(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	first := s.connect(domain.Facebook, 0)
	s.connect(domain.TikTok, 0)
	s.trap(first, simulator.Traps{HTML: http.StatusServiceUnavailable})
	for range 5 {
		require.Empty(t, s.silent())
		s.round(domain.FetchAccounts, domain.Facebook)
		s.round(domain.FetchAccounts, domain.TikTok)
		s.clock.advance(6 * time.Hour)
	}
	silent := s.silent()
	require.Len(t, silent, 1)
	require.Equal(t, domain.Facebook, silent[0].Platform)
	require.Equal(t, domain.FetchAccounts, silent[0].Kind)
	require.Contains(t, silent[0].Why, "HTTP 503")

	s.connect(domain.Facebook, 0)
	s.round(domain.FetchAccounts, domain.Facebook)
	require.NotEmpty(t, s.readings(connected{DirectorySocialAccount: domain.DirectorySocialAccount{ID: s.next}}))
	require.Empty(t, s.silent())
}

// 200 with nothing in it is as silent as a refusal; what is not read any more is not silent.
func TestEmptyReadingsForADayAreTold(t *testing.T) {
	t.Parallel()
	client := &scripted{
		page: func(string) (platforms.PostsPage, error) {
			return platforms.PostsPage{Posts: []platforms.Post{publishedAgo("p", 2*time.Hour)}}, nil
		},
		reading: func(p platforms.Post) platforms.PostSnapshot {
			return platforms.PostSnapshot{
				Post: p, Counts: domain.Counts{Shares: new(int64(0))}, // left out means none: no word of the platform's
				Missing: []domain.MissingFigure{{Name: "views", Reason: platforms.ReasonEmpty, Detail: "answered without a value"}},
			}
		},
	}
	s := newFetchStage(t, client.use)
	s.connect(domain.Facebook, 0)
	for range 3 {
		s.round(domain.FetchPosts, domain.Facebook)
		s.clock.advance(halfDay)
	}
	silent := s.silent()
	require.Len(t, silent, 1)
	require.Equal(t, "views: answered without a value", silent[0].Why)
	s.clock.advance(49 * time.Hour)
	require.Empty(t, s.silent())
}

// What our own program refuses to ask is no silence of the platform's.
func TestOwnRefusalsAreNoSilence(t *testing.T) {
	t.Parallel()
	client := &scripted{
		page: func(string) (platforms.PostsPage, error) {
			return platforms.PostsPage{Posts: []platforms.Post{publishedAgo("p", 2*time.Hour)}}, nil
		},
		reading: func(p platforms.Post) platforms.PostSnapshot {
			return platforms.PostSnapshot{Post: p, Err: &platforms.Error{
				Class: platforms.ClassInvalid, Platform: domain.Facebook, Op: "post_metrics", Message: "id is not a Graph id",
			}}
		},
	}
	s := newFetchStage(t, client.use)
	s.connect(domain.Facebook, 0)
	for range 4 {
		s.round(domain.FetchPosts, domain.Facebook)
		s.clock.advance(halfDay)
	}
	require.Empty(t, s.silent())
}

// Where a small quota has parts of the history read in turns of their own, these do not tell whether the present is silent.
func TestHistoryEndsNoSilence(t *testing.T) {
	t.Parallel()
	histories := 0
	client := &scripted{account: func(_ context.Context, r platforms.AccountRequest) (platforms.AccountSnapshot, error) {
		if r.Backfill {
			histories++
			return platforms.AccountSnapshot{}, platforms.Refuse(platforms.ClassThrottled, platforms.CodeQuota, "no room", 0)
		}
		return platforms.AccountSnapshot{}, nil
	}}
	s := newFetchStage(t)
	limits, err := quota.ParseLimits([]string{"linkedin:account:100/24h"})
	require.NoError(t, err)
	s.collect = s.processWithin(limits, client.use, func(c *collect.Config) { c.Backfill = collect.DefaultBackfill })
	profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
	for range 31 * 6 {
		s.roundWithin(tick, domain.FetchAccounts, domain.LinkedIn)
		s.clock.advance(10 * time.Minute)
	}
	require.Greater(t, histories, len(s.readings(profile)), "it had turns of its own")
	require.Len(t, s.silent(), 1)
}

// A fetcher that is restarted every few hours tells of a silence all the same, and once: the next one goes on from what the last one stored.
func TestSilenceOutlivesRestarts(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	told := func(c *collect.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	s := newFetchStage(t, told)
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{HTML: http.StatusServiceUnavailable})
	for range 7 {
		s.round(domain.FetchAccounts, domain.Facebook)
		s.clock.advance(6 * time.Hour)
		s.collect = s.process(told)
	}
	silent := s.silent()
	require.Len(t, silent, 1)
	require.Equal(t, fetchDay, silent[0].Since)
	require.Equal(t, 1, strings.Count(log.String(), "a source has given no figures for a day"))

	s.clock.advance(4 * halfDay)
	require.Empty(t, s.silent(), "it is read no more")
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Empty(t, s.silent(), "what is read again begins anew")
	require.Equal(t, 1, s.number(`select readings from kept.silent_sources`))
}
