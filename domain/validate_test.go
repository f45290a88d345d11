package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func tenant() domain.Tenant {
	return domain.Tenant{ParentAccount: agency, AccountID: north, MemberID: 7, SocialAccount: 11}
}

// Invalid readings are refused when they are decoded, because folds depend on valid ones.
func TestReadingsAreValidated(t *testing.T) {
	t.Parallel()
	post := func(change func(*domain.PostRead)) domain.PostRead {
		e := domain.PostRead{Tenant: tenant(), Platform: domain.TikTok, ExternalID: "v1", CapturedAt: day0}
		change(&e)
		return e
	}
	figure := func(f domain.Figure) domain.AccountRead {
		return domain.AccountRead{Tenant: tenant(), Platform: domain.Facebook, CapturedAt: day0, Figures: []domain.Figure{f}}
	}
	registered := func(change func(*domain.PostRegistered)) domain.PostRegistered {
		e := domain.PostRegistered{Tenant: tenant(), Platform: domain.LinkedIn, ExternalID: "v1", Origin: domain.OriginListing, RegisteredAt: day0}
		change(&e)
		return e
	}
	long := strings.Repeat("x", 256)
	for name, c := range map[string]struct {
		event interface{ Validate() error }
		want  string // "": it is right
	}{
		"a post reading":           {post(func(*domain.PostRead) {}), ""},
		"longest external id":      {post(func(e *domain.PostRead) { e.ExternalID = long[:255] }), ""},
		"external id too long":     {post(func(e *domain.PostRead) { e.ExternalID = long }), "external_id"},
		"no external id":           {post(func(e *domain.PostRead) { e.ExternalID = "" }), "external_id"},
		"platform":                 {post(func(e *domain.PostRead) { e.Platform = 2 }), "p_id 2"},
		"no platform":              {post(func(e *domain.PostRead) { e.Platform = 0 }), "p_id 0"},
		"account type wraps":       {post(func(e *domain.PostRead) { e.AccountType = 1 << 16 }), "a_type"},
		"parent in capitals":       {post(func(e *domain.PostRead) { e.ParentAccount = strings.ToUpper(agency) }), "parent_account"},
		"account":                  {post(func(e *domain.PostRead) { e.AccountID = "7" }), "account_id"},
		"member":                   {post(func(e *domain.PostRead) { e.MemberID = 0 }), "member_id"},
		"social account":           {post(func(e *domain.PostRead) { e.SocialAccount = -1 }), "social_account_id"},
		"no time":                  {post(func(e *domain.PostRead) { e.CapturedAt = time.Time{} }), "years"},
		"time before any platform": {post(func(e *domain.PostRead) { e.CapturedAt = day0.AddDate(-23, 0, 0) }), "years"},
		"a year of five digits in UTC": {post(func(e *domain.PostRead) {
			e.CapturedAt = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))
		}), "years"},
		"a count that could overflow":    {post(func(e *domain.PostRead) { e.Shares = new(int64(1<<60 + 1)) }), "out of range"},
		"a count that could underflow":   {post(func(e *domain.PostRead) { e.Clicks = new(int64(-1<<60 - 1)) }), "out of range"},
		"a falling count may be below 0": {post(func(e *domain.PostRead) { e.Views = new(int64(-4)) }), ""},

		"a figure":              {figure(domain.Figure{Name: "followers", Kind: domain.Stock}), ""},
		"figure without name":   {figure(domain.Figure{Kind: domain.Stock}), "no name"},
		"figure without kind":   {figure(domain.Figure{Name: "followers"}), "kind"},
		"figure of no kind":     {figure(domain.Figure{Name: "followers", Kind: "flow"}), "kind"},
		"day flow":              {figure(domain.Figure{Name: "views", Kind: domain.DayFlow, Day: "2026-02-28"}), ""},
		"day flow without day":  {figure(domain.Figure{Name: "views", Kind: domain.DayFlow}), "day"},
		"invalid day":           {figure(domain.Figure{Name: "views", Kind: domain.DayFlow, Day: "2026-02-30"}), "day"},
		"name too long":         {figure(domain.Figure{Name: long, Kind: domain.Stock}), "bytes"},
		"source too long":       {figure(domain.Figure{Name: "a", Source: long, Kind: domain.Stock}), "bytes"},
		"window too long":       {figure(domain.Figure{Name: "a", Window: long, Kind: domain.Rolling}), "bytes"},
		"registration":          {registered(func(*domain.PostRegistered) {}), ""},
		"registration's origin": {registered(func(e *domain.PostRegistered) { e.Origin = "rumour" }), "origin"},
		"registration's time":   {registered(func(e *domain.PostRegistered) { e.RegisteredAt = time.Time{} }), "years"},
		"registration's type":   {registered(func(e *domain.PostRegistered) { e.AccountType = -1 }), "a_type"},
	} {
		expect(t, c.event.Validate(), c.want, name)
	}
}

func TestDirectoryIsValidated(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for name, event := range map[string]interface{ Validate() error }{
		"account":            domain.DirectoryAccount{ID: long},
		"account's colour":   domain.DirectoryAccount{Color: "red"},
		"colour and markup":  domain.DirectoryAccount{Color: `#17587f"/>`},
		"colour and a line":  domain.DirectoryAccount{Color: "#17587f\n"},
		"colour's # is not":  domain.DirectoryAccount{Color: "17587f0"},
		"short colour":       domain.DirectoryAccount{Color: "#fff"},
		"logo is an address": domain.DirectoryAccount{Logo: "https://example.org/logo.png"},
		"logo is no base64":  domain.DirectoryAccount{Logo: "data:image/png;base64,??"},
		"logo is a drawing":  domain.DirectoryAccount{Logo: "data:image/svg+xml;base64,AAAA"},
		"logo is too large":  domain.DirectoryAccount{Logo: "data:image/png;base64," + strings.Repeat("AAAA", 64<<10/3+20)},
		"account's parent":   domain.DirectoryAccount{ParentAccount: long},
		"user":               domain.DirectoryUser{ID: long},
		"user's account":     domain.DirectoryUser{AccountID: long},
		"order's buyer":      domain.DirectoryOrder{Buyer: long},
		"order's seller":     domain.DirectoryOrder{Seller: long},
		"session's user":     domain.DirectorySession{UserID: long},
		"member's account":   domain.DirectoryMember{AccountID: long},
		"social account's":   domain.DirectorySocialAccount{AccountID: long},
		"planned post":       domain.DirectoryPlannedPost{ExternalID: long},
		"subscription":       domain.DirectorySubscription{AccountID: long},
		"connection p_id":    domain.DirectoryConnection{Platform: 70000},
		"connection a_type":  domain.DirectoryConnection{AccountType: 70000},
		"account p_id":       domain.DirectorySocialAccount{Platform: -1},
		"state p_id":         domain.ConnectionStateChanged{Platform: 70000},
	} {
		require.Error(t, event.Validate(), name)
	}
	require.NoError(t, domain.DirectoryAccount{Logo: "data:image/png;base64," + strings.Repeat("AAAA", 64<<10/3)}.Validate())
	for _, colour := range []string{"", "#17587f", "#FFFFFF"} {
		require.NoError(t, domain.DirectoryAccount{Color: colour}.Validate(), colour)
	}
	require.ErrorContains(t, domain.DirectoryAccount{Color: "blue"}.Validate(), `colour "blue" is not # and six hexadecimal digits; write it like #17587f`)
}

func TestDashboardChangeIsValidated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change domain.DashboardChange
		want   string
	}{
		"linked":                 {domain.DashboardChange{Primary: north, Linked: []string{north, south}}, ""},
		"without the primary":    {domain.DashboardChange{Primary: north, Linked: []string{south}}, "primary"},
		"nothing":                {domain.DashboardChange{}, "primary"},
		"an account in capitals": {domain.DashboardChange{Primary: north, Linked: []string{north, strings.ToUpper(south)}}, "hex"},
		"an invalid account":     {domain.DashboardChange{Primary: north, Linked: []string{north}, Split: []domain.SplitDashboard{{SubAccountID: "7"}}}, "hex"},
		"linked and split off":   {domain.DashboardChange{Primary: north, Linked: []string{north}, Split: []domain.SplitDashboard{{SubAccountID: north}}}, "both"},
		"two notices for one":    {domain.DashboardChange{Primary: north, Linked: []string{north}, LostAccess: []string{nina, nina}}, "twice"},
		"a user too long":        {domain.DashboardChange{Primary: north, Linked: []string{north}, Users: []string{strings.Repeat("x", 256)}}, "bytes"},
	} {
		expect(t, c.change.Validate(), c.want, name)
	}
}

func TestTextIsCutAndMadeStorable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                "",
		"short":           "short",
		"12345678":        "12345678",
		"123456789":       "12345678",
		"1234567ü":        "1234567",
		"123456ü9":        "123456ü",
		"12345\U0001F600": "12345",
		"a\xe9b":          "a\uFFFDb",
		"a\x00b":          "a\uFFFDb",
	} {
		require.Equal(t, want, domain.Storable(text, 8), "%q", text)
	}
}

// expect requires an error that contains want, or no error if want is empty.
func expect(t *testing.T, err error, want, name string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err, name)
		return
	}
	require.ErrorContains(t, err, want, name)
}
