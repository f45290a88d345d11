package commands_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

func importLine(t *testing.T, lineType, data string) (line any, err error) {
	t.Helper()
	return commands.ReadImportLine([]byte(`{"type":"`+lineType+`","data":`+data+`}`), domain.NewRegistry(), time.Now())
}

// Times name their offset or are Unix times that mean one thing only.
func TestImportTimes(t *testing.T) {
	t.Parallel()
	read := func(at string) (time.Time, error) {
		line, err := importLine(t, "account_reading", `{"social_account_id":7,"p_id":1,"followers":1,"captured_at":`+at+`}`)
		if err != nil {
			return time.Time{}, err
		}
		return line.(commands.MetricLine).Data.Captured(), nil //nolint:forcetypeassert // it must be one
	}
	want := time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, at := range []string{
		`"2024-03-01T09:00:00Z"`, `"2024-03-01T10:00:00+01:00"`, `"2024-03-01T09:00:00.000000Z"`, `1709283600`, `"1709283600"`, `1709283600000`, `1709283600.000000`,
	} {
		got, err := read(at)
		require.NoError(t, err, at)
		require.Equal(t, want, got, at)
	}
	got, err := read("1709283600.123456")
	require.NoError(t, err)
	require.Equal(t, want.Add(123456*time.Microsecond), got)
	for _, at := range []string{
		`"2024-03-01 09:00:00"`, `"2024-03-01T09:00:00"`, `"2024-03-01"`, `20301231`, `"20240301090000"`, `1`, `-5`, `946684799`, `4102444800`, `1.7e9`, `true`, `[1]`, `{"$date":1}`,
		`"0000-00-00 00:00:00"`, `99999999999999999999`,
	} {
		_, err := read(at)
		require.ErrorContains(t, err, "captured_at must be a time with its offset", at)
	}
	for _, at := range []string{`null`, `0`, `-1`, `""`} {
		_, err := read(at)
		require.EqualError(t, err, "captured_at is missing", at)
	}
}

// 0 and -1 are what Facebook and others say of a token that never expires.
func TestImportedTokenThatNeverExpires(t *testing.T) {
	t.Parallel()
	for _, at := range []string{`null`, `0`, `-1`, `""`, `"0"`} {
		line, err := importLine(t, "token", `{"id":1,"member_id":2,"p_id":1,"access_token":"t","expires_at":`+at+`}`)
		require.NoError(t, err, at)
		token := line.(commands.ImportedToken) //nolint:forcetypeassert // it must be one
		require.Nil(t, token.ExpiresAt, at)
		require.Equal(t, commands.StoredTokens{AccessToken: "t"}, token.Stored(), at)
	}
}

// What a program put in the place of a token is refused, and shown nowhere.
func TestImportRefusesPlaceholderTokens(t *testing.T) {
	t.Parallel()
	for _, token := range []string{
		"U2FsdGVkX1+vupppZksvRf5pq5g5XjFRIipRkwB0K1Y=", "eyJpdiI6InZlcnlzZWNyZXQ", "gAAAAABinvented", "vault:v1:invented", "00112233445566778899aabbccddeeff:00aa",
	} {
		_, err := importLine(t, "token", `{"id":1,"member_id":2,"p_id":1,"refresh_token":"`+token+`"}`)
		require.EqualError(t, err, "refresh_token is encrypted; decrypt it before the import")
	}
	for _, token := range []string{"undefined", "NULL", "two words", "ключ", `new\nline`} {
		_, err := importLine(t, "token", `{"id":1,"member_id":2,"p_id":1,"access_token":"`+token+`"}`)
		require.EqualError(t, err, "access_token is not a token; use null for a connection without one")
	}
	for _, token := range []string{"EAAGm0PX4ZCpsBAKZA.invented", "act.invented!4567", "AQXinvented-_~+/=", "IGQVinvented|x"} {
		_, err := importLine(t, "token", `{"id":1,"member_id":2,"p_id":1,"access_token":"`+token+`"}`)
		require.NoError(t, err, token)
	}
}

// Each member is checked, and an error names the member but shows no value.
func TestInvalidImportLineErrorNamesMember(t *testing.T) {
	t.Parallel()
	const reading, post, token = `"social_account_id":7,"p_id":1,"captured_at":1709283600,`, `"external_id":"1_2",`, `"id":1,"member_id":2,"p_id":1,`
	const document = `"_id":"5f1a2b3c4d5e6f7081920a11","parent_account":"a00000000000000000000001","sub_account_id":"c00000000000000000000011",`
	for _, c := range []struct{ lineType, data, reason string }{
		{"account_reading", `{` + reading + `"followers":-1}`, "followers must be an integer from 0"},
		{"account_reading", `{` + reading + `"followers":"424242"}`, "followers must be an integer from 0"},
		{"account_reading", `{` + reading + `"followers":4242.42}`, "followers must be an integer from 0"},
		{"account_reading", `{` + reading + `"folowers":424242}`, "folowers is not a member"},
		{"account_reading", `{` + reading + `"followers":1,"followers":424242}`, "followers occurs twice"},
		{"account_reading", `{` + reading + `"followers":null}`, "a figure is missing"},
		{"post_reading", `{` + reading + post + `"likes":-424242}`, "likes must be an integer from 0"},
		{"post_reading", `{` + reading + post + `"reach":null}`, "a figure is missing"},
		{"post_reading", `{` + reading + post + `"likes":1,"content":"424242"}`, "content is not a member"},
		{"post_reading", `{` + reading + `"external_id":4.24242e+16,"likes":1}`, "external_id has the wrong type"},
		{"post_reading", `{` + reading + `"external_id":{"$numberDouble":"424242"},"likes":1}`, "external_id has the wrong type"},
		{"post_reading", `{` + reading + post + `"likes":1,"published_at":"424242"}`, "published_at must be a time"},
		{"dashboard", `{` + document + `"users":["424242"]}`, "users[0] must be 24 hex digits"},
		{"dashboard", `{` + document + `"users":[null]}`, "users[0] must be 24 hex digits"},
		{"dashboard", `{` + document + `"sub_account_ids":"424242"}`, "sub_account_ids has the wrong type"},
		{"dashboard", `{` + document + `"allow_client_dashboard":424242}`, "allow_client_dashboard has the wrong type"},
		{"dashboard", `{` + document + `"created_at":{"$date":424242}}`, "created_at must be a time"},
		{"dashboard", `{"parent_account":"a00000000000000000000001"}`, "_id must be 24 hex digits"},
		{"token", `{` + token + `"access_token":{"t":"424242"}}`, "access_token has the wrong type"},
		{"token", `{` + token + `"access_token":"424242`, "access_token is not JSON"},
		{"token", `{` + token + `"access_token":"424242"}} 424242 {`, "is not JSON"},
		{"token", `{` + token + `"expires_at":"424242"}`, "expires_at must be a time"},
		{"token", `{"id":"424242"}`, "id must be an integer"},
		{"token", `{"id":1}`, "member_id is missing"},
		{"token", `["424242"]`, "data has the wrong type"},
		{"post", `{}`, `unknown event type "post"`},
	} {
		_, err := importLine(t, c.lineType, c.data)
		require.ErrorContains(t, err, c.reason, c.data)
		require.NotContains(t, err.Error(), "4242", c.data)
	}
	for line, reason := range map[string]string{
		`[1]`: "the line has the wrong type", `"x"`: "the line has the wrong type", `{"type":7}`: "type has the wrong type", `{`: "is not JSON",
		`{"type":"token","data":{"id":1},"erase":true}`:                                      "erase is not a member",
		`{"type":"metrics.post_registered.v1","data":{"content":"\ud800"}}`:                  "content is not JSON",
		`{"type":"token","data":{"id":1,"access_token":"\u0000"}}`:                           "NUL",
		`{"type":"post_reading","data":"` + strings.Repeat("x", commands.MaxFeedLine) + `"}`: "is longer than",
	} {
		_, err := commands.ReadImportLine([]byte(line), domain.NewRegistry(), time.Now())
		require.ErrorContains(t, err, reason, "%.80s", line)
	}
}

// The kinds of old figures: a figure gets a kind only if the old table defines it.
func TestImportedFigures(t *testing.T) {
	t.Parallel()
	figures := func(platform domain.Platform) []domain.Figure {
		line, err := importLine(t, "account_reading", fmt.Sprintf(
			`{"social_account_id":7,"p_id":%d,"captured_at":1709283600,"followers":1,"likes":2,"engagement":0,"reach":null,"posts":4}`, int(platform)))
		require.NoError(t, err)
		return line.(commands.MetricLine).Data.(domain.AccountRead).Figures //nolint:forcetypeassert // it must be one
	}
	want := []domain.Figure{
		{Name: "followers", Kind: domain.Stock, Value: 1, Source: "tSAccountIns.followers"},
		{Name: "engagement", Kind: domain.Rolling, Value: 0, Source: "tSAccountIns.engagement", Window: "old_system"},
		{Name: "posts", Kind: domain.Stock, Value: 4, Source: "tSAccountIns.posts"},
		{Name: "likes", Kind: domain.Cumulative, Value: 2, Source: "tSAccountIns.likes"},
	}
	require.Equal(t, want, figures(domain.TikTok))
	want[3].Kind, want[3].Window = domain.Rolling, "old_system"
	require.Equal(t, want, figures(domain.Facebook))
}

// A text that a spreadsheet or a database made of a long id identifies no post.
func TestPostIDFormatsPerPlatform(t *testing.T) {
	t.Parallel()
	for platform, ids := range map[domain.Platform][]string{
		domain.Facebook: {"100200300_400500600", "10223344"}, domain.Instagram: {"17895695668004550", "17895695668004550_178"},
		domain.LinkedIn: {"urn:li:share:7001", "urn:li:ugcPost:7001", "urn:li:activity:7001"}, domain.TikTok: {"7123456789012345678"},
	} {
		for _, id := range ids {
			require.NoError(t, platform.CheckPostID(id), id)
		}
		for _, id := range []string{
			"1.78414E+16", "1,78414E+16", "17841400000000123.0", "'17841400000000123", `="17841400000000123"`, "NaN", "undefined", "#N/A", "", " 17841400000000123", "17841400000000123 ",
			"true", "7.3e+18", "-5", "0", "null", "1_", "urn:li:share:", "17841400000000123\n",
		} {
			err := platform.CheckPostID(id)
			require.ErrorContains(t, err, "external_id is not an id of a post on "+platform.Title(), id)
		}
	}
	require.Error(t, domain.Platform(2).CheckPostID("1"))
	_, err := (commands.Import{World: commands.NewImportWorld(), Now: time.Now()}).Drafts(commands.MetricLine{
		Owner: commands.ImportedOwner{Tenant: domain.Tenant{ParentAccount: movedAgency, AccountID: movedAccount(1), MemberID: 7, SocialAccount: 5}, Platform: domain.Facebook},
		Data:  domain.PostRead{Platform: domain.Facebook, ExternalID: "1.78414E+16", CapturedAt: time.Unix(1.7e9, 0)},
	})
	require.ErrorContains(t, err, "external_id is not an id of a post on Facebook")
}

// A line is refused with a reason that shows no token, or read.
func FuzzImportLine(f *testing.F) {
	for _, seed := range []string{
		`{"type":"account_reading","data":{"social_account_id":70,"p_id":1,"captured_at":"2024-03-01T09:00:00Z","followers":12}}`,
		`{"type":"post_reading","data":{"social_account_id":70,"p_id":4,"external_id":"urn:li:share:1","captured_at":1709283600,"likes":3}}`,
		`{"type":"dashboard","data":{"_id":"5f1a2b3c4d5e6f7081920a11","parent_account":"a00000000000000000000001","sub_account_id":"c00000000000000000000011"}}`,
		`{"type":"token","data":{"id":71,"member_id":7,"p_id":1,"access_token":"invented-token","expires_at":-1}}`,
		`{"type":"metrics.post_registered.v1","data":{"social_account_id":70,"p_id":1,"external_id":"1","registered_at":1709283600}}`,
		`{"type":"directory.category.v1","data":{"id":4}}`, `{"type":"token","data":{"id":"invented-token"}}`,
	} {
		f.Add([]byte(seed))
	}
	use := commands.Import{World: commands.NewImportWorld(), GrowthWindow: time.Hour, Now: time.Unix(2e9, 0)}
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := commands.ReadImportLine(raw, domain.NewRegistry(), use.Now)
		if err != nil {
			if strings.Contains(string(raw), `"token"`) {
				require.NotContains(t, err.Error(), "invented-token")
			}
			return
		}
		switch line := line.(type) {
		case commands.MetricLine:
			require.False(t, line.Data.Captured().IsZero())
			if drafts, err := use.Drafts(line); err == nil {
				require.NotEmpty(t, drafts[0].Envelope.ID)
			}
		case commands.ImportedDocument:
			require.False(t, line.CreatedAt.IsZero())
		case commands.ImportedToken:
			require.Positive(t, line.ID)
		case domain.Draft:
			require.NotEmpty(t, line.Key)
		default:
			t.Fatalf("%T", line)
		}
	})
}

// An id has one spelling in the log, whatever the case of its digits in a line.
func TestImportedIDsAreLowercased(t *testing.T) {
	t.Parallel()
	line, err := importLine(t, "account_reading", `{"account_id":"C00000000000000000000011","social_account_id":7,"p_id":1,"captured_at":1709283600,"followers":1}`)
	require.NoError(t, err)
	require.Equal(t, "c00000000000000000000011", line.(commands.MetricLine).Owner.AccountID) //nolint:forcetypeassert // it must be one
	line, err = importLine(t, "dashboard", `{"_id":"5F1A2B3C4D5E6F7081920A11","parent_account":"A00000000000000000000001","sub_account_id":"C00000000000000000000011",`+
		`"users":["D00000000000000000000011"],"scopes":["Not an id"]}`)
	require.NoError(t, err)
	document := line.(commands.ImportedDocument) //nolint:forcetypeassert // it must be one
	require.Equal(t, "a00000000000000000000001", document.ParentAccount)
	require.Equal(t, []string{"d00000000000000000000011"}, document.Users)
	require.Equal(t, []string{"Not an id"}, document.Scopes)
}

// null is an unknown member or row id, as SQL prints it, and not a refusal.
func TestImportedNullMeansUnknown(t *testing.T) {
	t.Parallel()
	_, err := importLine(t, "account_reading", `{"social_account_id":7,"p_id":1,"captured_at":1709283600,"followers":1,"member_id":null,"account_row_id":null}`)
	require.NoError(t, err)
}

// What a refused registration says about its post is not used.
func TestRefusedRegistrationSetsNoPostTime(t *testing.T) {
	t.Parallel()
	at := time.Unix(1.7e9, 0).UTC()
	owner := commands.ImportedOwner{Tenant: domain.Tenant{ParentAccount: movedAgency, AccountID: movedAccount(1), MemberID: 7, SocialAccount: 5}, Platform: domain.Facebook}
	use := commands.Import{World: commands.NewImportWorld(), GrowthWindow: time.Hour, Now: at}
	drafts := func(data commands.Fact) []domain.Draft {
		drafts, err := use.Drafts(commands.MetricLine{Owner: owner, Data: data})
		require.NoError(t, err)
		return drafts
	}
	reading := domain.PostRead{Platform: domain.Facebook, ExternalID: "5_1", CapturedAt: at}
	post := domain.PostRegistered{Platform: domain.Facebook, ExternalID: "5_1", Origin: domain.OriginListing, RegisteredAt: at, PublishedAt: &at}
	published := func() *time.Time { return drafts(reading)[0].Data.(domain.PostRead).PublishedAt }
	registered := drafts(post)
	require.Nil(t, published())
	use.World.Accept(registered[0].Data)
	require.Equal(t, &at, published())
}
