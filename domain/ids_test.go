package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestHexID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"c10000000000000000000000":  "c10000000000000000000000",
		"C1ABCDEF0000000000000000":  "c1abcdef0000000000000000",
		"0123456789abcdefABCDEF01":  "0123456789abcdefabcdef01",
		"":                          "",
		"c1000000000000000000000":   "", // 23
		"c100000000000000000000000": "", // 25
		"g10000000000000000000000":  "",
		"c1000000000000000000000 ":  "",
		" c1000000000000000000000":  "",
		"c1000000000000000000000\n": "",
		"c100000000000000000000/0":  "", // before '0'
		"c100000000000000000000:0":  "", // after '9'
		"c100000000000000000000@0":  "", // before 'A'
		"c100000000000000000000`0":  "", // before 'a'
		"éééééééééééé":              "", // 24 bytes
	} {
		got, ok := domain.HexID(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want != "", ok, in)
	}
}

func FuzzHexID(f *testing.F) {
	for _, seed := range []string{"C10000000000000000000000", "", "éééééééééééé", strings.Repeat("0", 24)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		id, ok := domain.HexID(in)
		if !ok {
			require.Empty(t, id)
			return
		}
		require.Len(t, id, domain.HexIDLength)
		require.Empty(t, strings.Trim(id, "0123456789abcdef"))
		require.True(t, strings.EqualFold(in, id))
		again, ok := domain.HexID(id)
		require.True(t, ok)
		require.Equal(t, id, again)
	})
}

func TestSplitPostID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		account  int64
		external string
	}{
		"11:104_77":               {11, "104_77"},
		"11:urn:li:share:6":       {11, "urn:li:share:6"},
		"9223372036854775807:x":   {1<<63 - 1, "x"},
		"9223372036854775808:x":   {},
		"11":                      {},
		"11:":                     {},
		":x":                      {},
		"":                        {},
		"0:x":                     {},
		"-11:x":                   {},
		"+11:x":                   {},
		"011:x":                   {}, // two spellings of one post
		" 11:x":                   {}, //nolint:gocritic // the space is what is tried
		"1e3:x":                   {},
		"c10000000000000000000:x": {},
	} {
		account, external, ok := domain.SplitPostID(in)
		require.Equal(t, want.account, account, in)
		require.Equal(t, want.external, external, in)
		require.Equal(t, want.external != "", ok, in)
	}
}

func FuzzSplitPostID(f *testing.F) {
	f.Add("11:104_77")
	f.Add("011:x")
	f.Add("11:urn:li:share:6")
	f.Fuzz(func(t *testing.T, in string) {
		account, external, ok := domain.SplitPostID(in)
		if !ok {
			require.Zero(t, account)
			require.Empty(t, external)
			return
		}
		require.Positive(t, account)
		require.Equal(t, in, domain.PostID(account, external), "one post has one id")
	})
}

func TestDirectoryKeyRoundTrip(t *testing.T) {
	t.Parallel()
	for key, want := range map[string][2]string{
		"user:d10000000000000000000000": {"user", "d10000000000000000000000"},
		"order:a:b":                     {"order", "a:b"},
		"user:":                         {}, ":x": {}, "user": {}, "": {},
	} {
		kind, id, err := domain.SplitDirectoryKey(key)
		require.Equal(t, want, [2]string{kind, id}, key)
		require.Equal(t, want[0] == "", err != nil, key)
		if err == nil {
			require.Equal(t, key, domain.DirectoryKey(kind, id), key)
		}
	}
}

func TestContentKeyRoundTrip(t *testing.T) {
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

func TestPostTextsIgnoreURLSignature(t *testing.T) {
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

const (
	computingAgency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	computingClient = "c10000000000000000000001"
)

// Ids stay in the log forever. A different computation would connect every page a second time.
func TestComputedIDsAreFrozen(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(4_690_010_310_524_824), domain.ComputedSocialAccount(computingAgency, domain.Facebook, 0, "1001"))
	require.Equal(t, int64(5_404_943_423_493_295), domain.ComputedSocialAccount(computingAgency, domain.LinkedIn, domain.LinkedInCompanyPage, "1001"))
	require.Equal(t, int64(6_703_426_844_927_989), domain.ComputedMember(computingAgency, computingClient, domain.Facebook, "77"))
	require.Equal(t, int64(5_276_317_903_007_400), domain.GrantKey{Platform: domain.TikTok, App: "app", Person: "77"}.ConnectionID(computingAgency))
}

// Moving characters between two adjacent parts gives another id, and so does another agency.
func TestComputedIDsDependOnPartBoundaries(t *testing.T) {
	t.Parallel()
	require.NotEqual(t,
		domain.GrantKey{Platform: domain.TikTok, App: "app1", Person: "2"}.ConnectionID(computingAgency),
		domain.GrantKey{Platform: domain.TikTok, App: "app", Person: "12"}.ConnectionID(computingAgency))
	require.NotEqual(t,
		domain.ComputedSocialAccount(computingAgency, domain.LinkedIn, domain.LinkedInProfile, "1"),
		domain.ComputedSocialAccount(computingAgency, domain.LinkedIn, domain.LinkedInCompanyPage, "1"))
	require.NotEqual(t,
		domain.ComputedSocialAccount(computingAgency, domain.Facebook, 0, "1"), domain.ComputedSocialAccount(otherAgency, domain.Facebook, 0, "1"))
	require.NotEqual(t,
		domain.ComputedMember(computingAgency, computingClient, domain.Facebook, "1"),
		domain.GrantKey{Platform: domain.Facebook, App: computingClient, Person: "1"}.ConnectionID(computingAgency))
}

// A LinkedIn account without a type may be a person's profile.
func TestLinkedInAccountWithoutTypeIsPersonal(t *testing.T) {
	t.Parallel()
	for kind, personal := range map[domain.AccountType]bool{0: true, domain.LinkedInProfile: true, domain.LinkedInCompanyPage: false} {
		require.Equal(t, personal, domain.LinkedIn.Personal(kind))
		require.False(t, domain.Facebook.Personal(kind))
	}
}

func TestComputedIDsAreInTheirRangeAndJavaScriptSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := domain.ComputedSocialAccount(computingAgency, domain.Instagram, 0, rapid.String().Draw(t, "external id"))
		require.True(t, domain.IsComputedID(id))
		require.Less(t, id, int64(1)<<53)
	})
	require.False(t, domain.IsComputedID(domain.FirstComputedID-1))
}
