package platforms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func addTikTok(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddTikTokUser(simulator.Account{
		ID: "723f24d7-open", PostsFrom: testNow.AddDate(0, 0, -40), PostEvery: 18 * time.Hour, Traps: traps,
	})
}

// Paging: the cursor is in milliseconds although create_time is in seconds; IDs exceed 2^53.
func TestTikTokListing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := addTikTok(b, simulator.Traps{})
	b.sim.AddPost(domain.TikTok, user.ID, simulator.Post{ID: "7123456789012345678", Created: testNow.Add(-time.Hour), Private: true})
	client := b.client(t, domain.TikTok)
	posts, pages := allPosts(t, client, target(user))
	require.Equal(t, 3, pages)
	want := b.sim.Posts(domain.TikTok, user.ID, testNow)
	require.Len(t, posts, len(want)-1, "all but the private one")
	for i, p := range posts {
		require.Equal(t, want[i+1].ID, p.ID, "newest first, all digits kept")
		require.Equal(t, want[i+1].Created, p.PublishedAt)
		require.Equal(t, platforms.TypeVideo, p.Type)
		require.NotEmpty(t, p.MediaURL)
		require.NotEmpty(t, p.Permalink)
	}
	requireKind(t, domain.StatusInvalid, client.postsErr(target(user), "yesterday"))
	b.ops()
	require.Len(t, client.metrics(target(user), posts), len(posts))
	require.Len(t, b.ops(), 3, "20 per call")

	titled := canned(t, always(http.StatusOK, `{"data":{"videos":[{"id":"1","title":"Only a title"}],"cursor":7,"has_more":false},"error":{"code":"ok"}}`))
	page := titled.client(t, domain.TikTok).posts(platforms.Target{AccessToken: "Tok3n"}, "7")
	require.Equal(t, platforms.PostsPage{Posts: []platforms.Post{{ID: "1", Type: platforms.TypeVideo, Content: "Only a title"}}}, page)
}

func TestTikTokRefreshRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := addTikTok(b, simulator.Traps{OtherAccount: true})
	client := b.client(t, domain.TikTok)
	for name, refresh := range map[string]string{"unknown": "Tok3nThatNobodyKnows", "of somebody else": user.RefreshToken} {
		tokens, err := client.Refresh(t.Context(), target(user), refresh)
		requireKind(t, domain.StatusRefused, err)
		require.Equal(t, platforms.Tokens{}, tokens, name)
	}
	require.ErrorIs(t, client.refreshErr(target(user), ""), platforms.ErrNoRefresh)
	wrong := setup(t, func(_ *simulator.Config, c *platforms.Config) { c.TikTok.ClientSecret = "Tok3nWrong" })
	user = addTikTok(wrong, simulator.Traps{})
	require.Equal(t, "invalid_client", requireKind(t, domain.StatusInvalid, wrong.client(t, domain.TikTok).refreshErr(platforms.Target{}, user.RefreshToken)).Code)
}

// Errors in formats that the simulator does not produce: flat, and without an error object.
func TestTikTokErrorFormats(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]domain.StatusCode{
		`{"code":"rate_limit_exceeded","message":"slow down","log_id":"1"}`:    domain.StatusThrottled,
		`{"error":"access_token_invalid","error_description":"no"}`:            domain.StatusRefused,
		`{"error":{"code":"internal_error","message":"","log_id":"1"}}`:        domain.StatusRetry,
		`{"data":{"user":{"open_id":"x","follower_count":1}}}`:                 domain.StatusRetry,
		`{"data":{},"error":{"code":"scope_permission_missed","message":"m"}}`: domain.StatusPermission,
		`{"data":{},"error":{"code":"something_new","message":"m"}}`:           domain.StatusUnknown,
		`{"data":{"user":{"open_id":"y"}},"error":{"code":"ok","message":""}}`: domain.StatusRefused, // another account
		`[]`:   domain.StatusRetry,
		`null`: domain.StatusRetry,
		``:     domain.StatusRetry,
	} {
		b := canned(t, always(http.StatusOK, body))
		client := b.client(t, domain.TikTok)
		e := requireKind(t, want, client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "x"}))
		require.Equal(t, want == domain.StatusThrottled, e.RetryAfter == time.Minute)
		requireKind(t, domain.StatusRefused, client.accountErr(platforms.Target{ExternalID: "x"}))
	}
}

// The older, wrapped token answer is accepted; an answer without a token never is.
func TestTikTokRefreshFormats(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"access_token":"Tok3nNew","expires_in":7200,"open_id":"x"}`:                           "Tok3nNew",
		`{"data":{"access_token":"Tok3nOld","expires_in":"86400"},"message":"success"}`:         "Tok3nOld",
		`{"access_token":"","expires_in":7200,"error":{"code":"ok","message":"","log_id":"1"}}`: "",
		`{"data":{"error_code":10010},"message":"error"}`:                                       "",
	} {
		b := canned(t, always(http.StatusOK, body))
		tokens, err := b.client(t, domain.TikTok).Refresh(t.Context(), platforms.Target{}, "Tok3nRefresh")
		require.Equal(t, want, tokens.AccessToken)
		if want == "" {
			require.Error(t, err)
			require.NotEqual(t, domain.StatusRefused, platforms.KindOf(err), "a malformed answer must not invalidate a connection")
		} else {
			require.NoError(t, err)
			require.Empty(t, tokens.RefreshToken, "absent: the stored one is kept")
		}
	}
}
