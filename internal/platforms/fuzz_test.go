package platforms_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// fixed answers every request with the same body.
type fixed struct {
	status int
	body   []byte
}

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: f.status, Header: http.Header{"X-App-Usage": {string(f.body)}, "X-Business-Use-Case-Usage": {string(f.body)}},
		Body: io.NopCloser(bytes.NewReader(f.body)), Request: r,
	}, nil
}

// FuzzDecoders passes arbitrary bytes to every method of every client: no panic, no endless loop,
// only errors of our type without the token, and only figures that the domain accepts.
func FuzzDecoders(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(f, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(200, raw)
	}
	f.Add(400, []byte(`{"error":{"message":"Tok3n","code":100,"error_subcode":33}}`))
	f.Add(400, []byte(`{"error":{"message":"must be a valid insights metric","code":100}}`))
	f.Add(200, []byte(`{"id":"1","followers_count":1e400,"data":[{"name":"page_media_view","period":"day","values":[{"value":{"a":9223372036854775807,"b":1},"end_time":"2026-11-18T08:00:00+0000"}]}]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		app := platforms.Endpoint{ClientID: "app", ClientSecret: "Tok3nSecret"}
		set, err := platforms.New(platforms.Config{
			Facebook: app, Instagram: app, LinkedIn: app, TikTok: app, HTTPClient: &http.Client{Transport: fixed{status, body}},
		})
		require.NoError(t, err)
		for _, p := range domain.Platforms() {
			trySignIn(t, set, p)
			for _, kind := range []domain.AccountType{domain.LinkedInProfile, domain.LinkedInCompanyPage} {
				if client, err := set.For(p); err == nil {
					tryAll(t, client, platforms.Target{AccessToken: "Tok3n", ExternalID: "1", AccountType: kind})
				}
			}
		}
	})
}

func trySignIn(t *testing.T, set *platforms.Set, p domain.Platform) {
	t.Helper()
	s, err := set.SignIn(p)
	require.NoError(t, err)
	c, err := s.Redeem(context.Background(), "Tok3nCode", "https://boards.example/")
	if err != nil {
		require.NotContains(t, err.Error(), "Tok3n")
		require.NotEmpty(t, platforms.KindOf(err), err)
		require.Empty(t, c)
		return
	}
	require.NotEmpty(t, c.PersonID)
	require.NotEmpty(t, c.Tokens.AccessToken)
	for _, o := range c.Offered {
		require.NotEmpty(t, o.ExternalID)
	}
}

func tryAll(t *testing.T, client platforms.Client, tgt platforms.Target) {
	ctx := context.Background()
	check := func(err error) {
		if err == nil {
			return
		}
		require.NotContains(t, err.Error(), "Tok3n")
		require.NotEmpty(t, platforms.KindOf(err), err)
	}
	snap, err := client.Account(ctx, tgt, platforms.AccountRequest{Demographics: true})
	check(err)
	if err != nil {
		require.Empty(t, snap.Figures)
	}
	read := domain.AccountRead{
		Tenant:   domain.Tenant{ParentAccount: strings.Repeat("a", 24), AccountID: strings.Repeat("b", 24), MemberID: 1, SocialAccount: 1},
		Platform: domain.Facebook, CapturedAt: testNow, Figures: snap.Figures,
	}
	require.NoError(t, read.Validate())
	page, err := client.Posts(ctx, tgt, "")
	check(err)
	posts := append(slices.Clip(page.Posts), platforms.Post{ID: "1_1"}, platforms.Post{ID: "1"}, platforms.Post{ID: "urn:li:share:1"})
	for _, p := range page.Posts {
		require.NotEmpty(t, p.ID)
		require.LessOrEqual(t, len(p.ID), 255)
		require.NotContains(t, p.Content, "\x00")
	}
	if page.Next != "" {
		_, err = client.Posts(ctx, tgt, page.Next)
		check(err)
	}
	snaps, err := client.PostMetrics(ctx, tgt, posts)
	check(err)
	require.LessOrEqual(t, len(snaps), len(posts))
	tokens, err := client.Refresh(ctx, tgt, "Tok3n")
	if err == nil {
		require.NotEmpty(t, tokens.AccessToken)
	}
}
