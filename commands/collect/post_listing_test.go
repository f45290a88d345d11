package collect_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// pagesOf answers pages by cursor.
func pagesOf(pages map[string]platforms.PostsPage) func(string) (platforms.PostsPage, error) {
	return func(cursor string) (platforms.PostsPage, error) { return pages[cursor], nil }
}

// back is a listing of three pages, one post on each.
func back() map[string]platforms.PostsPage {
	return map[string]platforms.PostsPage{
		"":   {Posts: []platforms.Post{publishedAgo("1", time.Hour)}, Next: "p2"},
		"p2": {Posts: []platforms.Post{publishedAgo("2", 2*time.Hour)}, Next: "p3"},
		"p3": {Posts: []platforms.Post{publishedAgo("3", 3*time.Hour)}},
	}
}

func (f *fetchStage) registered(c connected) int {
	f.t.Helper()
	return f.number(`select count(*) from tSPosts where social_account_id = $1`, c.ID)
}

// After an error on a page, the following pages must still be listed. If the platform refuses the
// cursor meanwhile, the listing starts again.
func TestInterruptedListingResumesAtCursor(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		failure := hiccup()
		client := &scripted{page: func(cursor string) (platforms.PostsPage, error) {
			if cursor == "p2" && failure != nil {
				return platforms.PostsPage{}, failure
			}
			return back()[cursor], nil
		}}
		s := newFetchStage(t, client.use)
		user := s.connect(domain.TikTok, 0)
		require.Len(t, s.round(domain.FetchPosts, domain.TikTok), 1)
		require.Equal(t, map[string]int{"1": 1}, client.asked, "what was listed is read")
		require.Equal(t, 1, s.registered(user))
		require.Equal(t, []string{"", "p2"}, client.takeListed())
		if refused {
			failure = &platforms.Error{Reason: domain.StatusInvalid, Status: 400, Message: "cursor expired"}
			s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
			failure = nil
			s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
			s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
		} else {
			failure = nil
			s.roundAfter(time.Minute, domain.FetchPosts, domain.TikTok)
			require.Equal(t, []string{"", "p2", "p3", ""}, client.takeListed(), "the newest, the rest, and what came meanwhile")
		}
		require.Equal(t, 3, s.registered(user))
	}
}

func TestKnownPostsDoNotEndTheFirstListing(t *testing.T) {
	t.Parallel()
	again := back()
	again["p2"] = platforms.PostsPage{Posts: append([]platforms.Post{publishedAgo("1", time.Hour)}, again["p2"].Posts...), Next: "p3"}
	twoSections := map[string]platforms.PostsPage{
		"":   {Posts: []platforms.Post{publishedAgo("1", time.Hour)}, Next: "v1", Skip: "v1"},
		"v1": {Posts: []platforms.Post{publishedAgo("1", time.Hour)}, Next: "v2"},
		"v2": {Posts: []platforms.Post{publishedAgo("2", 2*time.Hour), publishedAgo("3", 3*time.Hour)}},
	}
	for name, test := range map[string]struct {
		pages map[string]platforms.PostsPage
		known string
	}{
		"a post stands on two pages":                 {again, ""},
		"the main application knows the newest":      {back(), "1"},
		"a post stands in two sections of a listing": {twoSections, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := &scripted{page: pagesOf(test.pages)}
			s := newFetchStage(t, client.use)
			page := s.connect(domain.Facebook, 0)
			if test.known != "" {
				s.registerPost(page, test.known)
			}
			require.Empty(t, s.round(domain.FetchPosts, domain.Facebook))
			require.Equal(t, 3, s.registered(page))
		})
	}
}

// Once all was listed, a round lists what is new and no more.
func TestLaterListingStopsAtKnownPosts(t *testing.T) {
	t.Parallel()
	pages := back()
	client := &scripted{page: pagesOf(pages)}
	s := newFetchStage(t, client.use)
	user := s.connect(domain.TikTok, 0)
	s.round(domain.FetchPosts, domain.TikTok)
	require.Len(t, client.takeListed(), 3)
	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Equal(t, []string{""}, client.takeListed())

	// Two pages of new posts, the first of them known to the main application already.
	s.registerPost(user, "new1")
	pages[""] = platforms.PostsPage{Posts: []platforms.Post{publishedAgo("new1", -halfDay-time.Hour)}, Next: "n2"}
	pages["n2"] = platforms.PostsPage{Posts: []platforms.Post{publishedAgo("new2", -halfDay-time.Minute), publishedAgo("1", time.Hour)}, Next: "p2"}
	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Equal(t, []string{"", "n2"}, client.takeListed())
	require.Equal(t, 5, s.registered(user))
}

// A section that fails, from its start or in the middle, must not keep the others from being listed,
// and is listed when it works again.
func TestFailingSectionDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "v2", "posts"} {
		t.Run("at "+bad, func(t *testing.T) {
			t.Parallel()
			list := map[string]platforms.PostsPage{
				"":       {Posts: []platforms.Post{publishedAgo("v1", time.Hour)}, Next: "v2", Skip: "reels"},
				"v2":     {Posts: []platforms.Post{publishedAgo("v2", 5*time.Hour)}, Next: "reels", Skip: "reels"},
				"reels":  {Posts: []platforms.Post{publishedAgo("r1", 2*time.Hour)}, Next: "posts", Skip: "posts"},
				"posts":  {Posts: []platforms.Post{publishedAgo("p1", 3*time.Hour)}, Next: "posts2"},
				"posts2": {Posts: []platforms.Post{publishedAgo("p2", 4*time.Hour)}},
			}
			failing := true
			client := &scripted{page: func(cursor string) (platforms.PostsPage, error) {
				if cursor == bad && failing {
					return platforms.PostsPage{Skip: list[cursor].Skip}, hiccup()
				}
				return list[cursor], nil
			}}
			s := newFetchStage(t, client.use)
			page := s.connect(domain.Facebook, 0)
			for range 3 {
				s.round(domain.FetchPosts, domain.Facebook)
				s.clock.Advance(halfDay)
			}
			require.Equal(t, map[string]int{"": 3, "v2": 4, "posts": 3}[bad], s.registered(page))
			require.NotContains(t, s.operatorReads(domain.FetchPosts, page), "No action")
			failing = false
			for range 2 {
				s.round(domain.FetchPosts, domain.Facebook)
				s.clock.Advance(halfDay)
			}
			require.Equal(t, 5, s.registered(page))
		})
	}
}

// A listing longer than a round may be is caught up with over several, while new posts do not wait.
func TestLongListingIsSplitOverRounds(t *testing.T) {
	t.Parallel()
	const pages = 120
	newest := "0"
	client := &scripted{page: func(cursor string) (platforms.PostsPage, error) {
		n, _ := strconv.Atoi(cursor)
		page := platforms.PostsPage{Posts: []platforms.Post{publishedAgo(fmt.Sprintf("old%d", n), time.Duration(n+1)*time.Hour)}}
		if n == 0 {
			page.Posts = append([]platforms.Post{publishedAgo("new"+newest, 0)}, page.Posts...)
		}
		if n+1 < pages {
			page.Next = strconv.Itoa(n + 1)
		}
		return page, nil
	}}
	s := newFetchStage(t, client.use)
	user := s.connect(domain.TikTok, 0)
	s.round(domain.FetchPosts, domain.TikTok)
	require.Len(t, client.takeListed(), 50, "bounded")
	require.Equal(t, 51, s.registered(user))

	newest = "1"
	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Len(t, client.takeListed(), 50)
	require.Equal(t, 1, client.asked["new1"], "new posts do not wait for old ones")

	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Equal(t, pages+2, s.registered(user))
	client.takeListed()
	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Equal(t, []string{""}, client.takeListed(), "caught up")
}

// The main application names a video by its own id, the lists of its page have it as a post.
func TestVideoRegisteredByMainAppIsNotDuplicated(t *testing.T) {
	t.Parallel()
	failing := true // at first: the lists are read in two rounds
	client := &scripted{page: func(cursor string) (platforms.PostsPage, error) {
		switch {
		case cursor == "":
			video := publishedAgo("100_5", time.Hour)
			video.SameAs = "777"
			return platforms.PostsPage{Posts: []platforms.Post{video}, Next: "posts", Skip: "posts"}, nil
		case failing:
			return platforms.PostsPage{}, hiccup()
		default:
			return platforms.PostsPage{Posts: []platforms.Post{publishedAgo("100_5", time.Hour), publishedAgo("100_4", 2*time.Hour)}}, nil
		}
	}}
	s := newFetchStage(t, client.use)
	page := s.connect(domain.Facebook, 0)
	s.registerPost(page, "777")
	for range 3 {
		s.round(domain.FetchPosts, domain.Facebook)
		failing = false
		s.clock.Advance(halfDay)
	}
	ids := column[string](s, `select external_id from tSPosts where social_account_id = $1 order by 1`, page.ID)
	require.Equal(t, []string{"100_4", "777"}, ids)
}

// A connection that is handed on takes its posts along: all of them are registered under the new
// member, once, also those far down the list and those that the main application knows.
func TestPostsMoveToNewMemberOfConnection(t *testing.T) {
	t.Parallel()
	client := &scripted{page: pagesOf(back())}
	s := newFetchStage(t, client.use)
	user := s.connect(domain.TikTok, 0)
	s.registerPost(user, "2")
	s.round(domain.FetchPosts, domain.TikTok)
	require.Equal(t, 3, s.number(`select count(*) from tSPosts where member_id = 5`))
	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	client.takeListed()

	handed := user.DirectorySocialAccount
	handed.MemberID = 6
	s.log.Put(t, domain.DirectoryConnection{ID: handed.ConnectionID, MemberID: 6, Platform: handed.Platform, SecretRef: user.ref}, handed)
	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Equal(t, []string{"", "p2", "p3"}, client.takeListed(), "all of them are listed again")
	require.Equal(t, 3, s.number(`select count(*) from tSPosts where member_id = 6`))
	require.Equal(t, 3, s.registered(user))

	s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	require.Equal(t, []string{""}, client.takeListed(), "once")
}

// The text of a post is appended if it differs from the stored one: if it is new, if its author
// changed it, or if an append was lost. A media address with only a new signature is no change.
func TestTextsAreAppendedWhenTheyChange(t *testing.T) {
	t.Parallel()
	post := publishedAgo("1", time.Hour)
	client := &scripted{page: func(string) (platforms.PostsPage, error) {
		return platforms.PostsPage{Posts: []platforms.Post{post}}, nil
	}}
	s := newFetchStage(t, client.use)
	user := s.connect(domain.TikTok, 0)
	appended := 0
	round := func(want int, why string) {
		t.Helper()
		require.Empty(t, s.round(domain.FetchPosts, domain.TikTok))
		records := s.log.Records(domain.TopicContents)
		require.Len(t, records, appended+want, why)
		appended = len(records)
		require.Equal(t, 1, s.number(`select count(*) from post_contents where social_account_id = $1 and content = '`+post.Content+`'`, user.ID))
		s.clock.Advance(halfDay)
	}
	post.Content, post.MediaURL = "a", "https://one.example/x.jpg?signed=1"
	round(1, "it is new")
	round(0, "nothing has changed")
	post.MediaURL = "https://two.example/x.jpg?signed=2"
	round(0, "the address has a new signature")
	post.Content = "b"
	round(1, "its author changed it")
	ledgertest.Exec(t, s.log.DB.Pool, `delete from post_contents`)
	round(1, "the append was lost")
	for _, r := range s.log.Records(domain.TopicMetrics) {
		require.NotContains(t, string(r.Value), "example", "no text is on metrics")
	}
}

// watchedKept calls waits when an erasure finds that an account is being read.
type watchedKept struct {
	commands.KeptEraser
	waits func()
}

func (w watchedKept) Reading(ctx context.Context, accounts []int64) (bool, error) {
	reading, err := w.KeptEraser.Reading(ctx, accounts)
	if reading {
		w.waits()
	}
	return reading, err
}

// A reading that runs while a person is erased appends texts after the erasure has looked for them.
func TestTextsReadDuringErasureAreErased(t *testing.T) {
	t.Parallel()
	started, answer := make(chan struct{}), make(chan struct{})
	post := publishedAgo("1", time.Hour)
	post.Content = "Erna was here"
	client := &scripted{page: func(string) (platforms.PostsPage, error) {
		close(started)
		<-answer
		return platforms.PostsPage{Posts: []platforms.Post{post}}, nil
	}}
	s := newFetchStage(t, client.use)
	profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
	s.log.Put(t, domain.DirectoryMember{ID: 5, AccountID: north, Name: "Erna", Active: true})
	people := directory.People{Pool: s.log.DB.ReadOnly}

	claim := s.claim(s.collect, domain.FetchPosts, domain.LinkedIn)
	var work errgroup.Group
	work.Go(func() error { return workOn(t.Context(), s.collect, claim) })
	<-started
	person, err := people.OfMember(t.Context(), 5)
	require.NoError(t, err)
	require.Equal(t, []int64{profile.ID}, person.Profiles)
	require.Empty(t, person.Contents)

	waited := sync.OnceFunc(func() {
		require.Empty(t, s.claim(s.collect, domain.FetchAccounts, domain.LinkedIn).Accounts(), "no further reading begins")
		close(answer)
	})
	require.NoError(t, commands.ErasePerson{
		Append: func(ctx context.Context, drafts []domain.Draft) error {
			return errors.Join(s.log.AppendBatch(ctx, drafts)...)
		},
		Folded:   func(context.Context) error { return nil }, // the log of tests folds what it appends
		Contents: people.ContentsOf,
		Kept:     watchedKept{vault.NewEraser(s.pool), waited}, Now: s.clock.Now,
	}.Erase(t.Context(), person))
	require.NoError(t, work.Wait())
	require.Len(t, s.log.Records(domain.TopicContents), 2, "the text, and its tombstone")
	require.Zero(t, s.number(`select count(*) from post_contents`))
	record := logged[domain.PersonErased](s, domain.TopicOperations)
	require.Len(t, record, 1)
	require.Equal(t, 1, record[0].Contents, "the record counts it")
	require.Zero(t, s.number(`select count(*) from kept.fetch_state where social_account_id = $1`, profile.ID))
}
