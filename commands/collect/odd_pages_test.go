package collect_test

import (
	"bytes"
	"cmp"
	"encoding/json"
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

// altered changes the answers of the simulator.
type altered struct {
	http.RoundTripper
	change func(r *http.Request, asked, answer map[string]any)
}

func (a altered) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := map[string]any{}
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			_ = json.NewDecoder(body).Decode(&asked)
		}
	}
	resp, err := a.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	decoder, answer := json.NewDecoder(bytes.NewReader(raw)), map[string]any{}
	decoder.UseNumber()
	if decoder.Decode(&answer) == nil {
		a.change(r, asked, answer)
		if raw, err = json.Marshal(answer); err != nil {
			return nil, err
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return resp, nil
}

// alter lets the platforms answer with changes.
func (f *fetchStage) alter(change func(r *http.Request, asked, answer map[string]any)) {
	f.wire = func(transport http.RoundTripper) http.RoundTripper { return altered{transport, change} }
	f.collect = f.process()
}

// listPage is an answer to a request for a page after the first of a list of posts.
type listPage struct {
	asked  any // the cursor that was asked with
	answer map[string]any
	paging map[string]any // that of a Graph
}

// laterPage recognizes such an answer, if the list goes on after it.
func laterPage(p domain.Platform, r *http.Request, asked, answer map[string]any) (page listPage, ok bool) {
	switch {
	case p == domain.TikTok && strings.HasSuffix(r.URL.Path, "/video/list/"):
		data, _ := answer["data"].(map[string]any)
		return listPage{asked["cursor"], data, nil}, asked["cursor"] != nil && data["has_more"] == true
	case p == domain.LinkedIn && strings.HasSuffix(r.URL.Path, "/rest/posts"):
		elements, _ := answer["elements"].([]any)
		start := r.URL.Query().Get("start")
		return listPage{start, answer, nil}, start != "0" && len(elements) > 0
	case strings.HasSuffix(r.URL.Path, "/posts"), strings.HasSuffix(r.URL.Path, "/media"):
		paging, _ := answer["paging"].(map[string]any)
		after := r.URL.Query().Get("after")
		return listPage{after, answer, paging}, after != "" && paging["next"] != nil
	default:
		return listPage{}, false
	}
}

// oddPages are the ways in which a page in the middle of a list does not say how it goes on.
var oddPages = map[domain.Platform]map[string]func(listPage){
	domain.Facebook: {
		"the same cursor": func(p listPage) { p.paging["cursors"] = map[string]any{"after": p.asked} },
		"no cursors":      func(p listPage) { delete(p.paging, "cursors") },
		"no list":         func(p listPage) { delete(p.answer, "data"); delete(p.answer, "paging") },
	},
	domain.Instagram: {
		"the same cursor": func(p listPage) { p.paging["cursors"] = map[string]any{"after": p.asked} },
	},
	domain.TikTok: {
		"the same cursor": func(p listPage) { p.answer["cursor"] = p.asked },
		"no cursor":       func(p listPage) { delete(p.answer, "cursor") },
		"no has_more":     func(p listPage) { delete(p.answer, "has_more") },
	},
	domain.LinkedIn: {
		"no elements": func(p listPage) { p.answer["elements"] = []any{} },
		"no list":     func(p listPage) { delete(p.answer, "elements") },
	},
}

func accountType(p domain.Platform) domain.AccountType {
	if p == domain.LinkedIn {
		return domain.LinkedInCompanyPage
	}
	return 0
}

func manyPosts(a *simulator.Account) {
	a.PostsFrom, a.PostEvery = fetchDay.Add(-200*day), 12*time.Hour
}

// A page that once does not say how its list goes on is not the end of the list.
func TestPageWithoutNextLinkOnceDoesNotEndListing(t *testing.T) {
	t.Parallel()
	for p, faults := range oddPages {
		for fault, change := range faults {
			t.Run(fmt.Sprint(p, " ", fault), func(t *testing.T) {
				t.Parallel()
				s := newFetchStage(t)
				odd := 0
				s.alter(func(r *http.Request, asked, answer map[string]any) {
					if page, ok := laterPage(p, r, asked, answer); ok && odd == 0 {
						odd++
						change(page)
					}
				})
				account := s.connect(p, accountType(p), manyPosts)
				for range 3 {
					s.round(domain.FetchPosts, p)
					s.clock.Advance(time.Minute)
				}
				require.Equal(t, 1, odd)
				listed := slices.DeleteFunc(s.sim.Posts(p, account.ExternalID, fetchDay), func(post simulator.Post) bool {
					return post.Kind == simulator.KindStory // listed for a day
				})
				require.Equal(t, len(listed), s.registered(account))
				require.Empty(t, s.state(domain.FetchPosts, account).Reason)
			})
		}
	}
}

// A list that never says how it goes on: what is on its pages is registered, the reason is
// shown, new posts are found, and the calls are few. Cursors may also repeat in a cycle.
func TestListWithoutNextLinkIsReportedAndBounded(t *testing.T) {
	t.Parallel()
	for name, cycle := range map[string]bool{"the same cursor": false, "a cycle": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			calls, first := 0, ""
			s.alter(func(r *http.Request, asked, answer map[string]any) {
				if page, ok := laterPage(domain.Instagram, r, asked, answer); ok {
					after := r.URL.Query().Get("after")
					if first = cmp.Or(first, after); !cycle {
						page.paging["cursors"] = map[string]any{"after": after}
					} else if after != first {
						page.paging["cursors"] = map[string]any{"after": first}
					}
				}
				if strings.HasSuffix(r.URL.Path, "/media") {
					calls++
				}
			})
			account := s.connect(domain.Instagram, 0, manyPosts)
			for range 4 * 60 { // two hours
				s.round(domain.FetchPosts, domain.Instagram)
				s.clock.Advance(30 * time.Second)
			}
			require.GreaterOrEqual(t, s.registered(account), 100, "the posts of the first page and of the odd one")
			reason := s.state(domain.FetchPosts, account).Reason
			require.NotNil(t, reason)
			require.Equal(t, "no_way_on", reason.Answer.Code)
			require.LessOrEqual(t, calls, 60)

			for n := range 70 { // more than a page
				s.sim.AddPost(domain.Instagram, account.ExternalID, simulator.Post{
					ID: fmt.Sprintf("1799900000000%04d", n), Created: s.clock.Now().Add(-time.Duration(n) * time.Minute),
				})
			}
			for range 3 {
				s.roundAfter(halfDay, domain.FetchPosts, domain.Instagram)
			}
			fresh := s.number(`select count(*) from tSPosts where social_account_id = $1 and external_id like '1799900000000%'`, account.ID)
			require.Equal(t, 70, fresh)
			require.NotNil(t, s.state(domain.FetchPosts, account).Reason, "the rest stays unknown")
		})
	}
}

// The cursors of a pass that has not ended after a month go around in a cycle that is longer than a
// round: it ends, says why, and the next round begins again.
func TestListingWithCyclicCursorsEnds(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	account := s.connect(domain.Instagram, 0, manyPosts)
	s.exec(`insert into fetch_state (kind, p_id, social_account_id, due_at, updated_at, list_cursor, list_began) values ($1, $2, $3, $4, $4, 'c', $5)`,
		domain.FetchPosts, domain.Instagram, account.ID, s.clock.Now(), s.clock.Now().AddDate(0, 0, -31))
	s.round(domain.FetchPosts, domain.Instagram)
	require.Equal(t, "no_way_on", s.state(domain.FetchPosts, account).Reason.Answer.Code)
	require.Zero(t, s.number(`select count(*) from kept.fetch_state where list_cursor <> '' or list_began is not null`))
	s.roundAfter(halfDay, domain.FetchPosts, domain.Instagram)
	require.Nil(t, s.state(domain.FetchPosts, account).Reason)
	require.Positive(t, s.registered(account))
}

// Whatever a pass has missed, the list is read whole again after a week, not earlier.
func TestFullListingRunsWeekly(t *testing.T) {
	t.Parallel()
	pages := back()
	third := pages["p3"]
	pages["p3"] = platforms.PostsPage{}
	client := &scripted{page: pagesOf(pages)}
	s := newFetchStage(t, client.use)
	user := s.connect(domain.TikTok, 0)
	s.round(domain.FetchPosts, domain.TikTok)
	pages["p3"] = third
	client.takeListed()
	for range 13 { // six and a half days
		s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
		require.Equal(t, []string{""}, client.takeListed())
	}
	for range 3 {
		s.roundAfter(halfDay, domain.FetchPosts, domain.TikTok)
	}
	require.Equal(t, 3, s.registered(user))
	require.Len(t, client.takeListed(), 5, "three pages once")
}

// If the platform lists some of a person's pages only, a token is not refused because of the others.
func TestHandOverAcceptsIncompletePageList(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	partial := false
	s.alter(func(r *http.Request, _, answer map[string]any) {
		if partial && strings.HasSuffix(r.URL.Path, "/me/accounts") {
			pages, _ := answer["data"].([]any)
			answer["data"], answer["paging"] = pages[:1], map[string]any{"next": "https://graph.facebook.com/"}
		}
		if token, ok := answer["data"].(map[string]any); ok && strings.HasSuffix(r.URL.Path, "/debug_token") {
			delete(token, "granular_scopes") // granted for all pages, so no ID is known
		}
	})
	s.reach(t)
	s.mainApps(201, domain.Facebook, 0, "90011", "90012")
	given := s.signIn(domain.Facebook).Tokens
	tokens := collect.NewTokens{AccessToken: given.AccessToken, ExpiresAt: given.ExpiresAt}
	partial = true
	_, err := s.checked().HandOver(t.Context(), 201, tokens)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
	partial = false
	_, err = s.checked().HandOver(t.Context(), 201, tokens)
	require.NoError(t, err)
}
