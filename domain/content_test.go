package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestContentKeys(t *testing.T) {
	t.Parallel()
	post := domain.PostRef{ParentAccount: "aaaaaaaaaaaaaaaaaaaaaaaa", SocialAccount: 11, ExternalID: "urn:li:share:7"}
	key := post.ContentKey(domain.OriginListing)
	require.Equal(t, "aaaaaaaaaaaaaaaaaaaaaaaa:listing:11:urn:li:share:7", key)
	got, origin, err := domain.SplitContentKey(key)
	require.NoError(t, err)
	require.Equal(t, post, got)
	require.Equal(t, domain.OriginListing, origin)
	for _, bad := range []string{
		"", "aaaaaaaaaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAAAAAA:listing:11:7", "aaaaaaaaaaaaaaaaaaaaaaaa:nobody:11:7",
		"aaaaaaaaaaaaaaaaaaaaaaaa:listing:07:7", "aaaaaaaaaaaaaaaaaaaaaaaa:listing:11:", "filler:1",
	} {
		_, _, err := domain.SplitContentKey(bad)
		require.Error(t, err, bad)
	}
}

func TestAnAddressThatIsSignedAnewIsNoChange(t *testing.T) {
	t.Parallel()
	before := domain.PostTexts{Content: "a", MediaURL: "https://one.example/v/1.jpg?sig=1", Permalink: "https://p.example/1?x=1"}
	for name, tt := range map[string]struct {
		change func(*domain.PostTexts)
		same   bool
	}{
		"nothing":             {func(*domain.PostTexts) {}, true},
		"signature and host":  {func(p *domain.PostTexts) { p.MediaURL = "https://two.example/v/1.jpg?sig=2" }, true},
		"another picture":     {func(p *domain.PostTexts) { p.MediaURL = "https://one.example/v/2.jpg?sig=1" }, false},
		"no picture":          {func(p *domain.PostTexts) { p.MediaURL = "" }, false},
		"the text":            {func(p *domain.PostTexts) { p.Content = "b" }, false},
		"the permalink alone": {func(p *domain.PostTexts) { p.Permalink = "https://p.example/1?x=2" }, false},
	} {
		now := before
		tt.change(&now)
		require.Equal(t, tt.same, now.Same(before), name)
	}
}
