package sdks_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

const (
	companyID = "5501"
	company   = "urn:li:organization:" + companyID
	memberID  = "pErs0n_1"
	version   = "202608" // the version that our client asks for

	// captioned is a post with a caption in LinkedIn's own format.
	captioned    = "urn:li:share:7999999999999999998"
	deletedShare = "urn:li:share:7999999999999999991"
)

func addLinkedIn(w world) (page, member simulator.Account) {
	every := simulator.Account{PostsFrom: now.AddDate(0, 0, -60), PostEvery: 12 * time.Hour}
	page, member = every, every
	page.ID, member.ID = companyID, memberID
	page.Posts = []simulator.Post{
		{ID: captioned, Created: now.Add(-time.Hour), Text: "Half (50%) off, says Account 5501: *today* #open_day"},
		{ID: deletedShare, Created: now.AddDate(0, 0, -2), Dead: true},
	}
	w.AddCompanyPage(simulator.Account{ID: "5502", Name: "Another Page"})
	w.AddPerson(person)
	return w.AddCompanyPage(page), w.AddLinkedInProfile(member)
}

func date(t time.Time) []int { return []int{t.Year(), int(t.Month()), t.Day()} }

func figures(n simulator.PostCounters) []int64 {
	return []int64{n.Views, n.Reach, n.Clicks, n.Likes, n.Comments, n.Shares}
}

// linkedInWant is what the simulator holds of the company page and of the member.
func linkedInWant(w world, from, to time.Time, memberPost simulator.Post) byName {
	posts, counts := byName{}, byName{}
	for _, p := range w.posts(domain.LinkedIn, companyID, func(simulator.Post) bool { return true }) {
		caption := `A post of @[Account 5501](urn:li:organization:5501) \({hashtag|\#|launch\_day}, 10% off\)`
		if p.ID == captioned {
			caption = `Half \(50%\) off, says @[Account 5501](urn:li:organization:5501): \*today\* {hashtag|\#|open\_day}`
		}
		posts[p.ID] = []any{caption, p.Created.UnixMilli()}
		counts[p.ID] = figures(simulator.PostAt(seed, p.ID, p.Created, now))
	}
	days, followers, byDay := byName{}, []int64{}, map[string][]int64{}
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		label := day.Format(time.DateOnly)
		days[strconv.FormatInt(day.UnixMilli(), 10)] = []int64{
			simulator.ViewsOn(seed, companyID, label), simulator.ReachOn(seed, companyID, label, 1), simulator.ClicksOn(seed, companyID, label),
			simulator.LikesOn(seed, companyID, label), simulator.CommentsOn(seed, companyID, label), simulator.SharesOn(seed, companyID, label),
		}
		followers = append(followers, simulator.FollowersAt(seed, memberID, day.AddDate(0, 0, 1)))
		for query, on := range map[string]func(uint64, string, string) int64{
			"IMPRESSION": simulator.ViewsOn, "REACTION": simulator.LikesOn, "COMMENT": simulator.CommentsOn, "RESHARE": simulator.SharesOn,
			"LINK_CLICKS": simulator.ClicksOn, "POST_SAVE": simulator.SavesOn,
		} {
			byDay[query] = append(byDay[query], on(seed, memberID, label))
		}
	}
	places, names := byName{}, byName{}
	for urn, percent := range simulator.GeoShares()["country"] {
		places[urn], names[urn] = simulator.FollowersAt(seed, companyID, now)*percent/100, simulator.GeoNames()[urn]
	}
	of := simulator.PostAt(seed, memberPost.ID, memberPost.Created, now)
	return byName{
		"followers": simulator.FollowersAt(seed, companyID, now), "year": figures(simulator.YearAt(seed, companyID, now)),
		"days": days, "more than a hundred days": 100,
		"posts": posts, "post": byName{captioned: posts[captioned]},
		"several posts": byName{"found": []string{captioned}, "statuses": byName{deletedShare: 404}},
		"tunneled":      "POST", "counts": counts, "with a deleted post": []any{403, "ACCESS_DENIED", "Not enough permissions to access: " + deletedShare},
		"places": places, "names": names,
		"member": simulator.FollowersAt(seed, memberID, now), "member by day": followers, "posts of the member by day": byDay,
		"post of the member": byName{
			"IMPRESSION": of.Views, "MEMBERS_REACHED": of.Reach, "REACTION": of.Likes, "COMMENT": of.Comments, "RESHARE": of.Shares,
			"LINK_CLICKS": of.Clicks, "POST_SAVE": of.Saves,
		},
		"future version":       []any{426, "NONEXISTENT_VERSION", "Requested version 20261201 is not active"},
		"past version":         []any{426, "NONEXISTENT_VERSION", "Requested version 20240101 is not active"},
		"no version":           []any{404, "RESOURCE_NOT_FOUND", "No virtual resource found"}, // these clients then call /v2
		"unknown token":        []any{401, "INVALID_ACCESS_TOKEN", "Invalid access token"},
		"scopes of the person": 4, "person": []any{memberID, "Mara", "Example"},
		"pages of the person": byName{companyID: "Account 5501", "5502": "Another Page"},
		"read by the person":  []any{byName{captioned: posts[captioned]}, simulator.FollowersAt(seed, memberID, now)},
		"renewed":             []any{60 * 24 * 3600, 200}, "introspected": []any{true, "active", "app"},
	}
}

// TestLinkedInSDKsReadSimulator lets LinkedIn's API clients for Python and Node read a company page and a member: all pages of
// posts, their counts in one call, figures by day, places, tokens and refusals.
func TestLinkedInSDKsReadSimulator(t *testing.T) {
	t.Parallel()
	for folder, script := range map[string]string{"python": "linkedin.py", "node": "linkedin.js"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Config{ClientID: "app", ClientSecret: secret})
			page, member := addLinkedIn(w)
			shares := w.posts(domain.LinkedIn, memberID, func(p simulator.Post) bool { return p.Kind == simulator.KindPhoto })
			midnight := now.Truncate(24 * time.Hour)
			from := midnight.AddDate(0, 0, -100)
			read(t, folder, script, byName{
				"redirect": redirect, "code": w.signIn(t, simulator.PathLinkedIn+"/oauth/v2/authorization", " ", []string{
					"r_basicprofile", "rw_organization_admin", "r_organization_social", "r_member_profileAnalytics",
				}),
				"base": w.url + simulator.PathLinkedIn, "secret": secret, "version": version, "token": page.AccessToken, "refresh": page.RefreshToken,
				"page": company, "deleted": deletedShare, "memberToken": member.AccessToken, "memberPost": shares[0].ID,
				"days": []int64{from.UnixMilli(), midnight.UnixMilli()}, "manyDays": []int64{from.AddDate(0, 0, -1).UnixMilli(), midnight.UnixMilli()},
				"queryTypes": []string{"IMPRESSION", "MEMBERS_REACHED", "REACTION", "COMMENT", "RESHARE", "LINK_CLICKS", "POST_SAVE"},
				"totalsOnly": []string{"MEMBERS_REACHED"}, "from": date(from), "to": date(midnight),
			}, linkedInWant(w, from, midnight, shares[0]))
		})
	}
}
