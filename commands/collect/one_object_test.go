package collect_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// between answers a request instead of the simulator if fault returns a status.
type between struct {
	http.RoundTripper
	fault func(r *http.Request) (status int, body string)
}

func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := b.fault(r)
	if status == 0 {
		return b.RoundTripper.RoundTrip(r)
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// newFaultyStage is a stage whose platforms fail as fault says.
func newFaultyStage(t *testing.T, fault func(r *http.Request) (int, string), change ...func(*collect.Config)) *fetchStage {
	s := newFetchStage(t)
	s.wire = func(transport http.RoundTripper) http.RoundTripper { return between{transport, fault} }
	s.collect = s.process(change...)
	return s
}

const unexpected = `{"error":{"message":"An unexpected error has occurred.","type":"OAuthException","is_transient":true,"code":2}}`

// photos gives an account n posts, an hour apart.
func photos(n int) func(*simulator.Account) {
	return func(a *simulator.Account) {
		for n := range n {
			a.Posts = append(a.Posts, simulator.Post{
				ID: fmt.Sprintf("%s0%d", a.ID, n), Kind: simulator.KindPhoto, Created: fetchDay.Add(-time.Duration(n+1) * time.Hour),
			})
		}
	}
}

// refusingPosts is a stage whose Instagram account has posts about which the platform answers as refuse
// says last.
func refusingPosts(t *testing.T, posts, status int, body string) (s *fetchStage, account connected, refuse func(posts ...int)) {
	t.Helper()
	var refused []string
	s = newFaultyStage(t, func(r *http.Request) (int, string) {
		if slices.ContainsFunc(refused, func(id string) bool { return strings.Contains(r.URL.Path, "/"+id) }) {
			return status, body
		}
		return 0, ""
	})
	account = s.connect(domain.Instagram, 0, photos(posts))
	return s, account, func(posts ...int) {
		refused = nil
		for _, n := range posts {
			refused = append(refused, fmt.Sprintf("%s0%d", account.ExternalID, n))
		}
	}
}

// Whatever the platform answers about some posts forever, the others are read, also in later rounds.
func TestFailingPostsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string][]int{
		"the third": {2}, "the first": {0}, "the last": {7}, "the four newest": {0, 1, 2, 3}, "all but one": {0, 1, 2, 3, 4, 6, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, account, refuse := refusingPosts(t, 8, http.StatusInternalServerError, unexpected)
			refuse(bad...)
			for range 5 { // attempts of the same round
				s.round(domain.FetchPosts, domain.Instagram)
				s.clock.Advance(2 * time.Minute)
			}
			read := func() int {
				return s.number(`select count(distinct external_id) from tSPostInsights where social_account_id = $1`, account.ID)
			}
			require.Equal(t, 8-len(bad), read(), "all others in one round")
			require.Len(t, bad, s.number(`select count(*) from kept.post_notes where social_account_id = $1`, account.ID), "noted as tried")
			require.NotContains(t, s.operatorReads(domain.FetchPosts, account), "No action")

			refuse()
			for range 2 {
				s.roundAfter(halfDay, domain.FetchPosts, domain.Instagram)
			}
			require.Equal(t, 8, read(), "read again when they answer")
			require.Empty(t, s.state(domain.FetchPosts, account).Reason)
		})
	}
}

// However the platform refuses the newest posts forever, the others are read in each round but the first, and the reason
// is about the posts, not about the connection.
func TestPermanentlyRefusedPostsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"permission": `{"error":{"message":"(#10) Application does not have permission for this action","type":"OAuthException","code":10}}`,
		"unknown":    `{"error":{"message":"Something","type":"OAuthException","code":36103}}`,
		"invalid":    `{"error":{"message":"(#100) Bad","type":"OAuthException","code":100,"error_subcode":77}}`,
		"temporary":  unexpected,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, account, refuse := refusingPosts(t, 8, http.StatusBadRequest, body)
			refuse(0, 1, 2, 3)
			read := func() int {
				return s.number(`select count(*) from tSPostInsights where social_account_id = $1`, account.ID)
			}
			s.round(domain.FetchPosts, domain.Instagram)
			for range 4 {
				before := read()
				s.roundAfter(halfDay, domain.FetchPosts, domain.Instagram)
				require.Equal(t, 4, read()-before)
				require.Equal(t, domain.StatusPostsFailed, s.state(domain.FetchPosts, account).kind())
			}
		})
	}
}

// The reason counts the posts that could not be read.
func TestReasonCountsThePostsThatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]int{{0}, {0, 1}} {
		s, account, refuse := refusingPosts(t, 2, http.StatusInternalServerError, unexpected)
		refuse(bad...)
		s.round(domain.FetchPosts, domain.Instagram)
		reason := s.state(domain.FetchPosts, account).Reason
		require.NotNil(t, reason)
		require.Equal(t, []any{domain.StatusPostsFailed, len(bad), 2, http.StatusInternalServerError},
			[]any{reason.Code, reason.Posts, reason.Of, reason.Answer.Status})
	}
}

// If Facebook does not list a page's videos, its posts are listed nevertheless.
func TestFailingVideoListDoesNotBlockPostList(t *testing.T) {
	t.Parallel()
	failing := &refusing{on: true, part: "/videos", body: unexpected}
	s := newFaultyStage(t, failing.fault)
	page := s.connect(domain.Facebook, 0, withPosts)
	for range 3 {
		s.round(domain.FetchPosts, domain.Facebook)
		s.clock.Advance(halfDay)
	}
	some := s.registered(page)
	require.Positive(t, some)
	require.Positive(t, failing.calls)
	require.NotContains(t, s.operatorReads(domain.FetchPosts, page), "No action")
	failing.on = false
	for range 2 {
		s.round(domain.FetchPosts, domain.Facebook)
		s.clock.Advance(halfDay)
	}
	require.Greater(t, s.registered(page), some)
	require.Empty(t, s.state(domain.FetchPosts, page).Reason)
}

// Two ids that turn out to be one post become one: it is read under one id, its figures count once from
// the first reading on, and what was counted twice is withdrawn.
func TestDuplicatePostIDsAreMerged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind   string
		listed bool // both ids, before the platform says that they are one post
	}{
		"a video that names its post later":          {platforms.TypeVideo, true},
		"a photo that the main application has sent": {platforms.TypePhoto, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			post := platforms.Post{ID: "70_55", Type: test.kind, PublishedAt: fetchDay.Add(-2 * time.Hour)}
			other := post
			other.ID = "900"
			list := []platforms.Post{other, post}
			likes := int64(0)
			client := &scripted{page: func(string) (platforms.PostsPage, error) { return platforms.PostsPage{Posts: list}, nil }}
			client.reading = func(p platforms.Post) platforms.PostSnapshot {
				return platforms.PostSnapshot{Post: p, Counts: domain.Counts{Likes: new(likes)}}
			}
			s := newFetchStage(t, client.use)
			page := s.connect(domain.Facebook, 0)
			if !test.listed {
				list = nil
				s.registerPost(page, "900", post.PublishedAt)
			}
			round := func() {
				likes += 10
				require.Empty(t, s.round(domain.FetchPosts, domain.Facebook))
				s.clock.Advance(halfDay)
			}
			round()
			round()
			post.SameAs = "900"
			list = []platforms.Post{post}
			round()
			round()
			require.Equal(t, []string{"70_55"}, column[string](s, `select external_id from tSPosts where social_account_id = $1`, page.ID))
			require.LessOrEqual(t, client.asked["900"], 3, "the other id is no longer read")
			merged := logged[domain.PostsMerged](s, domain.TopicMetrics)
			require.Len(t, merged, 1)
			require.Equal(t, "900", merged[0].OtherID)
			require.Equal(t, 30, s.number(`select sum(likes) from post_quarters s join post_owners o on o.id = s.owner where o.social_account_id = $1`, page.ID), "once, from the first reading on")
			require.Equal(t, 30, s.number(`select sum(likes) from post_weeks s join post_owners o on o.id = s.owner where o.social_account_id = $1`, page.ID))
			require.Zero(t, s.number(`select count(*) from tSPostInsights where external_id = '900' and counted_as = '900'`))

			s.registerPost(page, "900") // again, by the main application
			round()
			require.Equal(t, 1, s.registered(page))
			require.Len(t, logged[domain.PostsMerged](s, domain.TopicMetrics), 1)
		})
	}
}

// A platform that answers nothing is asked a few times in a round, not once per post.
func TestUnansweredPostsAreProbedOnlyAFewTimes(t *testing.T) {
	t.Parallel()
	metrics, post := 0, "/7000011" // of the first account
	s := newFaultyStage(t, func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Path, post) {
			metrics++
			return http.StatusInternalServerError, unexpected
		}
		return 0, ""
	})
	account := s.connect(domain.Instagram, 0, func(a *simulator.Account) {
		for n := range 40 {
			a.Posts = append(a.Posts, simulator.Post{ID: fmt.Sprintf("%s%d", a.ID, 100+n), Kind: simulator.KindPhoto, Created: fetchDay.Add(-time.Hour)})
		}
	})
	require.Equal(t, []int64{account.ID}, s.round(domain.FetchPosts, domain.Instagram))
	require.Less(t, metrics, 12)
	require.NotZero(t, metrics)
	require.Equal(t, 1, s.state(domain.FetchPosts, account).Failures)
}

// A post that fails every call that names it costs one more call in each round, not a search for it among the others.
func TestFailedPostIsRequestedSeparately(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, withPosts)
	bad := s.sim.Posts(domain.TikTok, user.ExternalID, fetchDay)[1]
	s.trap(user, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.BadObject, About: bad.ID}}})
	s.round(domain.FetchPosts, domain.TikTok)
	for range 3 {
		before := s.calls("tiktok/video_query")
		s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
		require.Equal(t, 2, s.calls("tiktok/video_query")-before)
	}
	require.Zero(t, s.number(`select count(*) from tSPostInsights where external_id = $1`, bad.ID))
}

// If the platform refuses the list of posts because of the page, it is not asked for each post, and not again before the
// next round: no post is noted as failed, and a page that is refused makes no more calls than one that is read.
func TestRefusedPageGetsNoPostRequests(t *testing.T) {
	t.Parallel()
	for _, kind := range []simulator.FaultKind{simulator.AppBlocked, simulator.PageMerged, simulator.TwoFactor} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			page := s.connectWithPosts(domain.Facebook, 0)
			s.round(domain.FetchPosts, domain.Facebook)
			s.trap(page, simulator.Traps{Faults: []simulator.Fault{{Kind: kind, Variant: 1}}})
			before := s.calls("")
			for range 12 {
				s.roundAfter(time.Hour, domain.FetchPosts, domain.Facebook)
			}
			require.Equal(t, 1, s.calls("")-before)
			require.Zero(t, s.number(`select count(*) from kept.post_notes`))
			s.trap(page, simulator.Traps{})
			s.roundAfter(halfDay, domain.FetchPosts, domain.Facebook)
			require.Empty(t, s.state(domain.FetchPosts, page).kind())
		})
	}
}

// Posts that were refused together with their page are read as soon as the page is, however old they are.
func TestPostsRefusedWithPageAreReadWhenItRecovers(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.LinkedIn, domain.LinkedInCompanyPage, func(a *simulator.Account) {
		for n := range 5 {
			a.Posts = append(a.Posts, simulator.Post{ID: fmt.Sprintf("urn:li:share:7%d", n), Created: fetchDay.AddDate(0, 0, -40-n)})
		}
	})
	read := func() int {
		return s.number(`select count(*) from tSPostInsights where captured_at = $1`, s.clock.Now())
	}
	s.round(domain.FetchPosts, domain.LinkedIn)
	require.Equal(t, 5, read())
	s.trap(page, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.RoleLost}}})
	s.roundAfter(7*24*time.Hour, domain.FetchPosts, domain.LinkedIn)
	require.Zero(t, read())
	s.trap(page, simulator.Traps{})
	s.roundAfter(2*halfDay, domain.FetchPosts, domain.LinkedIn)
	require.Equal(t, 5, read())
}
