package collect_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// LinkedIn refuses a call that names a deleted post, with 400, 403 or 404. However many were deleted,
// all others are read in each round, and the connection is not refused for it.
func TestDeletedLinkedInPostsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	for status, digit := range map[string]int{"400": 0, "403": 1, "404": 2} { // the simulator answers by the number of a post
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			var posts []simulator.Post
			page := s.connect(domain.LinkedIn, domain.LinkedInCompanyPage, func(a *simulator.Account) {
				for n := range 45 {
					id := fmt.Sprintf("urn:li:share:70000000000000%03d%d", n, digit)
					posts = append(posts, simulator.Post{ID: id, Created: fetchDay.Add(-time.Duration(n+1) * time.Hour)})
				}
				a.Posts = posts
			})
			read := func() int {
				return s.number(`select count(*) from tSPostInsights where social_account_id = $1`, page.ID)
			}
			s.round(domain.FetchPosts, domain.LinkedIn)
			require.Equal(t, 45, read())
			for _, n := range []int{0, 1, 2, 3, 20, 44} {
				posts[n].Dead = true
			}
			account := simulator.Account{ID: page.ExternalID, Posts: posts}
			s.sim.Add(domain.LinkedIn, domain.LinkedInCompanyPage, account)
			for range 3 {
				before := read()
				s.roundAfter(halfDay, domain.FetchPosts, domain.LinkedIn)
				require.Equal(t, 39, read()-before)
				require.Empty(t, s.state(domain.FetchPosts, page).kind())
			}
			for n := range posts {
				posts[n].Dead = true
			}
			s.sim.Add(domain.LinkedIn, domain.LinkedInCompanyPage, account)
			s.roundAfter(halfDay, domain.FetchPosts, domain.LinkedIn)
			require.Equal(t, map[string]domain.StatusCode{"400": domain.StatusInvalid, "403": domain.StatusPermission}[status],
				s.state(domain.FetchPosts, page).kind(), "if no post answers, the calls may be refused for another reason")

			s.trap(page, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.Refused, About: "organizationalEntityShareStatistics"}}})
			s.roundAfter(30*24*time.Hour, domain.FetchPosts, domain.LinkedIn)
			require.Equal(t, domain.StatusPermission, s.state(domain.FetchPosts, page).kind(), "the permission is missing")
		})
	}
}
