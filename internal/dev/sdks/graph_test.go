package sdks_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

const (
	pageID      = "1001"
	instagramID = "17841400000000001"
	deletedPost = pageID + "_55"
	metaTime    = "2006-01-02T15:04:05-0700"
)

// The metrics are those that our client asks for.
var (
	pageMetrics = []string{
		"page_media_view", "page_total_media_view_unique", "page_post_engagements", "page_total_actions", "page_actions_post_reactions_total", "page_follows",
	}
	postMetrics  = []string{"post_media_view", "post_total_media_view_unique", "post_clicks", "post_reactions_by_type_total"}
	totalMetrics = []string{"views", "total_interactions", "likes", "comments", "shares"}
	mediaMetrics = []string{"views", "reach", "likes", "comments", "shares", "saved"}
)

func addGraph(w world) (token string) {
	every := simulator.Account{PostsFrom: now.AddDate(0, 0, -60), PostEvery: 12 * time.Hour}
	instagram := every
	instagram.ID, instagram.PostsFrom = instagramID, now.AddDate(0, 0, -20)
	instagram.Posts = []simulator.Post{{ID: "17900000000000001", Kind: simulator.KindStory, Created: now.Add(-time.Hour)}}
	w.AddInstagram(instagram)
	page := every
	page.ID, page.Instagram = pageID, instagramID
	page.Posts = []simulator.Post{{ID: deletedPost, Created: now.AddDate(0, 0, -3), Dead: true}}
	w.AddPage(simulator.Account{ID: "1002"})
	w.AddPage(simulator.Account{ID: "1003"})
	w.AddPerson(person)
	return w.AddPage(page).AccessToken
}

// personToken is a person's token, for which the app has exchanged a code.
func personToken(t *testing.T, w world, secret string) (token string) {
	t.Helper()
	scopes := []string{"pages_show_list", "pages_read_engagement", "read_insights"}
	code := w.signIn(t, simulator.PathFacebook+"/v26.0/dialog/oauth", ",", scopes, pageID, "1002", "1003")
	q := url.Values{"client_id": {"app"}, "client_secret": {secret}, "redirect_uri": {redirect}, "code": {code}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+simulator.PathFacebook+"/v26.0/oauth/access_token?"+q.Encode(), http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&tokens))
	return tokens.AccessToken
}

// ownLogin is an account of Instagram login, which has a host of its own.
var ownLogin = simulator.Account{ID: "17841400000000002", OwnLogin: true, PostsFrom: now.AddDate(0, 0, -20), PostEvery: 24 * time.Hour}

func graphConfig(w world, token string) byName {
	own := w.AddInstagram(ownLogin)
	return byName{
		"loginBase": w.url + simulator.PathInstagram, "loginToken": own.AccessToken,
		"base": w.url + simulator.PathFacebook, "secret": secret, "token": token, "page": pageID, "deleted": deletedPost,
		"metrics": pageMetrics, "postMetrics": postMetrics, "since": now.AddDate(0, 0, -60).Unix(), "until": now.Unix(),
		"instagram": instagramID, "igSince": now.AddDate(0, 0, -10).Unix(), "igUntil": now.Unix(), "igTotals": totalMetrics, "igMetrics": mediaMetrics,
	}
}

type byName = map[string]any

// pageWant is what the simulator holds of the page.
func pageWant(w world) byName {
	posts, videos, reels, metrics, plays := byName{}, byName{}, byName{}, byName{}, byName{}
	var newest string
	for _, p := range w.posts(domain.Facebook, pageID, func(simulator.Post) bool { return true }) {
		n := simulator.PostAt(seed, p.ID, p.Created, now)
		at := p.Created.Format(metaTime)
		reactions := byName{"REACTION_LIKE": n.Likes - n.Likes/5, "REACTION_LOVE": n.Likes / 5}
		video := byName{
			"post_video_likes_by_reaction_type": reactions, "post_video_social_actions": byName{"COMMENT": n.Comments, "SHARE": n.Shares},
			"post_video_retention_graph": byName{"0": 1.0, "1": 0.73}, "post_video_avg_time_watched": simulator.AvgWatchOf(seed, p.ID),
		}
		if p.Kind == simulator.KindReel {
			reels[p.ID] = []any{p.Text, at, "", n.Likes, n.Comments}
			maps.Copy(video, byName{
				"fb_reels_total_plays": n.Views, "blue_reels_play_count": n.Views * 8 / 10, "fb_reels_replay_count": n.Views * 2 / 10,
				"post_total_media_view_unique": n.Reach,
			})
			plays[p.ID] = video
			continue
		}
		if newest == "" {
			newest = p.ID
		}
		posts[p.ID] = []any{p.Text, at, n.Shares, n.Likes, n.Comments}
		metrics[p.ID] = byName{
			"post_media_view": n.Views, "post_total_media_view_unique": n.Reach, "post_clicks": n.Clicks,
			"post_reactions_by_type_total": byName{"like": n.Likes - n.Likes/4, "love": n.Likes / 4},
		}
		if p.Kind == simulator.KindVideo {
			videos[p.VideoID] = []any{p.Text, at, strings.TrimPrefix(p.ID, pageID+"_"), n.Likes, n.Comments}
			maps.Copy(video, byName{"total_video_views": n.Views, "total_video_views_autoplayed": n.Views / 2})
			plays[p.VideoID] = video
		}
	}
	followers := simulator.FollowersAt(seed, pageID, now)
	placed := simulator.FollowersAt(seed, pageID, lastMidnight())
	return byName{
		"page by default": byName{"id": pageID, "name": "Account " + pageID}, "followers": followers, "instagram of the page": instagramID,
		"days": pageDays(), "cities": byName{"Vienna, Austria": placed / 3, "Graz, Austria": placed / 9, "Berlin, Germany": placed / 12},
		"posts by default": []string{"created_time", "id", "message"}, "posts": posts, "videos": videos, "reels": reels,
		"metrics of posts": metrics, "metrics by edge": byName{newest: metrics[newest]}, "plays": plays,
		"person": byName{"id": person.ID, "name": person.Name}, "pages of the person": byName{
			pageID: []any{"Account " + pageID, 6, true}, "1002": []any{"Account 1002", 6, true}, "1003": []any{"Account 1003", 1, true},
		},
		"deleted post": []any{400, 100, 33}, "unknown metric": []any{400, 100, 0}, "unknown field": []any{400, 100, 0}, "unknown token": []any{400, 190, 467},
		"past version": []any{400, 2635, 0},
	}
}

func pacific() *time.Location {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		panic(err)
	}
	return zone
}

// lastMidnight is where Facebook's last full day ended.
func lastMidnight() time.Time {
	y, m, d := now.In(pacific()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, pacific())
}

func pageDays() byName {
	days := byName{}
	for _, metric := range pageMetrics {
		days[metric] = byName{}
	}
	for end := lastMidnight(); end.After(now.AddDate(0, 0, -60)); end = end.AddDate(0, 0, -1) {
		day := end.AddDate(0, 0, -1).Format(time.DateOnly)
		likes := simulator.LikesOn(seed, pageID, day)
		for i, value := range []any{
			simulator.ViewsOn(seed, pageID, day),
			simulator.ReachOn(seed, pageID, day, 1),
			simulator.EngagementOn(seed, pageID, day),
			simulator.ClicksOn(seed, pageID, day),
			byName{"like": likes - likes/5, "love": likes / 5},
			simulator.FollowersAt(seed, pageID, end),
		} {
			days[pageMetrics[i]].(byName)[end.UTC().Format(metaTime)] = value
		}
	}
	return days
}

// instagramWant is what the simulator holds of the account behind the page.
func instagramWant(w world) byName {
	stories, media, metrics := []string{}, byName{}, byName{}
	for _, p := range w.posts(domain.Instagram, instagramID, func(p simulator.Post) bool {
		return p.Kind != simulator.KindStory || now.Sub(p.Created) < 24*time.Hour
	}) {
		if p.Kind == simulator.KindStory {
			stories = append(stories, p.ID)
			continue
		}
		n := simulator.PostAt(seed, p.ID, p.Created, now)
		product, kind := "FEED", "IMAGE"
		switch p.Kind {
		case simulator.KindReel:
			product, kind = "REELS", "VIDEO"
		case simulator.KindCarousel:
			kind = "CAROUSEL_ALBUM"
		}
		media[p.ID] = []any{p.Text, p.Created.Format(metaTime), kind, product, n.Likes, n.Comments}
		metrics[p.ID] = byName{"views": n.Views, "reach": n.Reach, "likes": n.Likes, "comments": n.Comments, "shares": n.Shares, "saved": n.Saves}
	}
	slices.Sort(stories)
	reach, totals := byName{}, map[string]int64{}
	first := now.AddDate(0, 0, -10).In(pacific())
	for day := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, pacific()); day.Before(now); day = day.AddDate(0, 0, 1) {
		end, label := day.AddDate(0, 0, 1), day.Format(time.DateOnly)
		reach[end.Format(time.DateOnly)+"T07:00:00+0000"] = simulator.SoFar(simulator.ReachOn(seed, instagramID, label, 1), day, end, now)
		for metric, on := range map[string]func(uint64, string, string) int64{
			"views": simulator.ViewsOn, "total_interactions": simulator.EngagementOn, "likes": simulator.LikesOn, "comments": simulator.CommentsOn,
			"shares": simulator.SharesOn,
		} {
			totals[metric] += simulator.SoFar(on(seed, instagramID, label), day, end, now)
		}
	}
	own := 0
	for _, p := range w.Posts(domain.Instagram, ownLogin.ID, now) {
		if p.Kind != simulator.KindStory {
			own++
		}
	}
	followers := simulator.FollowersAt(seed, instagramID, now)
	ages := byName{}
	for age, percent := range map[string]int64{"18-24": 20, "25-34": 38, "35-44": 22, "45-54": 12} {
		ages[age] = followers * percent / 100
	}
	return byName{
		"instagram by default": byName{"id": instagramID}, "instagram": []any{"user" + instagramID, followers, len(media)},
		"instagram login": []any{ownLogin.ID, simulator.FollowersAt(seed, ownLogin.ID, now), own, own},
		"reach":           reach, "totals": totals, "ages": ages, "media": media, "stories": stories, "metrics of media": metrics,
	}
}

// TestMetaSDKsReadSimulator lets Meta's SDKs for Python and Node, and restfb for Java, read a page and the Instagram account
// behind it: all pages of lists, figures by day, single posts and batches, and refusals.
func TestMetaSDKsReadSimulator(t *testing.T) {
	t.Parallel()
	for _, sdk := range []struct {
		folder, script, secret string
		other                  byName
	}{
		{"python", "graph.py", secret, byName{"future version": []any{400, 2500, 0}}},
		{"node", "graph.js", "", byName{"future version": []any{400, 2500, 0}}},
		{"java", "Graph.java", secret, byName{
			"without a version":   byName{"id": pageID, "name": "Account " + pageID},
			"token of the person": []any{true, "app", person.ID, 3, true},
		}},
	} {
		t.Run(sdk.script, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{ClientID: "app", ClientSecret: sdk.secret})
			config := graphConfig(w, addGraph(w))
			config["personToken"] = personToken(t, w, sdk.secret)
			want := pageWant(w)
			maps.Copy(want, instagramWant(w))
			maps.Copy(want, sdk.other)
			for _, list := range []string{"posts", "videos", "reels", "media"} {
				require.Greater(t, len(want[list].(byName)), 14, "three pages of %s", list)
			}
			require.NotEmpty(t, want["stories"])
			read(t, sdk.folder, sdk.script, config, want)
		})
	}
}
