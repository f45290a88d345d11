package domain

import (
	"fmt"
	"strings"
	"time"
)

// Platform is a social network by the number (`pId`) that the old system gave it.
type Platform int

// The four platforms.
const (
	Facebook  Platform = 1
	Instagram Platform = 3
	LinkedIn  Platform = 4
	TikTok    Platform = 6
)

// AccountType tells LinkedIn's two kinds of social account apart (`aType`); 0 elsewhere.
type AccountType int

// LinkedIn's account types.
const (
	LinkedInProfile     AccountType = 1
	LinkedInCompanyPage AccountType = 2
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// platforms is what the program knows of each platform, in the order of their numbers. To add one, write its entry here and its
// calls in internal/platforms.
var platforms = []PlatformFacts{
	{
		Platform: Facebook, Name: "facebook", Title: "Facebook", Company: "Meta",
		IDSetting: "LEDGERBOARD_FACEBOOK_APP_ID", SecretSetting: "LEDGERBOARD_FACEBOOK_APP_SECRET",
		ConsentEnds: true,
		Scopes: []string{
			"pages_show_list", "pages_read_engagement", "pages_read_user_content", "read_insights", "instagram_basic", "instagram_manage_insights",
			"business_management", // else the pages that belong to a business are not listed
		},
		Permissions: map[string]string{
			"ANALYZE": "the right to see the page's insights", "read_insights": "insights of pages and posts", "pages_show_list": "the list of your pages",
			"pages_read_engagement": "posts and followers of pages", "pages_read_user_content": "likes and comments on posts",
			"business_management": "pages that a business portfolio holds",
		},
		// 4800 calls a day for each engaged user or impression of a page: those of ten. Smaller ones are held by what the
		// usage headers say.
		Quotas:      []Quota{{Scope: QuotaPerAccount, Calls: 48_000, Window: day}},
		HistoryPart: 4 * week,
		// Seen in answers: media at scontent….fbcdn.net.
		PictureHosts: []string{"fbcdn.net"},
		Kinds: []AccountKind{{
			Name: "page", Calls: map[string]int{FetchAccounts: 2, FetchPosts: 9},
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"pages_read_engagement"}, []FigureSource{{MetricFollowers, Stock, "followers_count"}}},
				{FiguresOfAccount, []string{"pages_read_engagement", "read_insights"}, []FigureSource{
					{MetricViews, DayFlow, "page_media_view"},
					{MetricImpressions, DayFlow, "page_media_view"}, // there is no separate number since 2025-11-15
					{MetricReach, Rolling, "page_total_media_view_unique"},
					{MetricEngagement, DayFlow, "page_post_engagements"},
					{MetricClicks, DayFlow, "page_total_actions"},
					{MetricLikes, DayFlow, "page_actions_post_reactions_total"},
					{FigureDemographics, Stock, "page_follows_city, page_follows_country"},
				}},
				{FiguresOfPosts, []string{"pages_read_engagement"}, []FigureSource{{MetricShares, Cumulative, "shares"}}},
				{FiguresOfPosts, []string{"pages_read_engagement", "pages_read_user_content"}, []FigureSource{
					{MetricLikes, Cumulative, "reactions"},
					{MetricComments, Cumulative, "comments"},
				}},
				{FiguresOfPosts, []string{"pages_read_engagement", "read_insights"}, []FigureSource{
					{MetricViews, Cumulative, "post_media_view (of videos total_video_views, of reels their plays)"},
					{MetricImpressions, Cumulative, "post_media_view"},
					{MetricReach, Cumulative, "post_total_media_view_unique"},
					{MetricClicks, Cumulative, "post_clicks"},
					{MetricAvgWatch, Rolling, "post_video_avg_time_watched"},
				}},
			},
		}},
	},
	{
		Platform: Instagram, Name: "instagram", Title: "Instagram", Company: "Meta", LoginBy: Facebook,
		IDSetting: "LEDGERBOARD_INSTAGRAM_APP_ID", SecretSetting: "LEDGERBOARD_INSTAGRAM_APP_SECRET",
		Scopes:    []string{"instagram_business_basic", "instagram_business_manage_insights"},
		OwnScopes: map[string]string{"instagram_basic": "instagram_business_basic", "instagram_manage_insights": "instagram_business_manage_insights"},
		Permissions: map[string]string{
			"instagram_basic": "profile and posts", "instagram_manage_insights": "insights of profile and posts",
			"instagram_business_basic": "profile and posts", "instagram_business_manage_insights": "insights of profile and posts",
		},
		RenewedAhead: week, KeepsConsent: true,
		Quotas:       []Quota{{Scope: QuotaPerAccount, Calls: 48_000, Window: day}}, // as Facebook's
		HistoryPart:  week,                                                          // each day takes a call, and a reading has room for a few
		PictureHosts: []string{"cdninstagram.com"},
		Kinds: []AccountKind{{
			Name: "business_account", Calls: map[string]int{FetchAccounts: 5, FetchPosts: 7},
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"instagram_basic"}, []FigureSource{
					{MetricFollowers, Stock, "followers_count"},
					{MetricPosts, Stock, "media_count"},
				}},
				{FiguresOfAccount, []string{"instagram_basic", "instagram_manage_insights"}, []FigureSource{
					{MetricViews, DayFlow, "views"},
					{MetricImpressions, DayFlow, "views"}, // there is no separate number since 2025
					{MetricReach, Rolling, "reach"},
					{MetricEngagement, DayFlow, "total_interactions"},
					{MetricLikes, DayFlow, "likes"},
					{MetricComments, DayFlow, "comments"},
					{MetricShares, DayFlow, "shares"},
					{FigureDemographics, Stock, "follower_demographics"},
				}},
				{FiguresOfPosts, []string{"instagram_basic"}, []FigureSource{
					{MetricLikes, Cumulative, "likes"},
					{MetricComments, Cumulative, "comments"},
				}},
				{FiguresOfPosts, []string{"instagram_basic", "instagram_manage_insights"}, []FigureSource{
					{MetricViews, Cumulative, "views"},
					{MetricImpressions, Cumulative, "views"},
					{MetricReach, Cumulative, "reach"},
					{MetricShares, Cumulative, "shares"},
					{MetricSaves, Cumulative, "saved"},
					{MetricAvgWatch, Rolling, "ig_reels_avg_watch_time"},
				}},
			},
		}},
	},
	{
		Platform: LinkedIn, Name: "linkedin", Title: "LinkedIn", Company: "LinkedIn",
		IDSetting: "LEDGERBOARD_LINKEDIN_CLIENT_ID", SecretSetting: "LEDGERBOARD_LINKEDIN_CLIENT_SECRET",
		Scopes: []string{
			"r_basicprofile", "rw_organization_admin", "r_organization_social", "r_organization_social_feed", "r_member_profileAnalytics",
			"r_member_postAnalytics",
		},
		Permissions: map[string]string{
			"rw_organization_admin": "figures of company pages", "r_member_profileAnalytics": "followers of your profile",
			"r_member_postAnalytics": "figures of your posts",
		},
		RenewedAhead: week, RefreshTokens: true,
		// No numbers are published but those of the development tier, in which each app begins: for the app and for a
		// member. Those of an approved app stand in its page of the developer portal.
		Quotas: []Quota{
			{Scope: QuotaPerApp, Calls: 500, Window: day, Assumed: true}, {Scope: QuotaPerAccount, Calls: 100, Window: day, Assumed: true},
		},
		CountsByToken: true, WritesURNs: true, HistoryPart: 4 * week,
		PictureHosts: []string{"media.licdn.com"},
		Kinds: []AccountKind{{
			Type: LinkedInProfile, Name: "profile", Personal: true, Calls: map[string]int{FetchAccounts: 7, FetchPosts: 35}, CallsOfPost: 7,
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"r_member_profileAnalytics"}, []FigureSource{{MetricFollowers, Stock, "memberFollowersCount"}}},
				{FiguresOfAccount, []string{"r_member_postAnalytics"}, []FigureSource{
					{MetricImpressions, DayFlow, "IMPRESSION"},
					{MetricReach, Rolling, "MEMBERS_REACHED"},
					{MetricEngagement, DayFlow, "REACTION+COMMENT+RESHARE"},
					{MetricLikes, DayFlow, "REACTION"},
					{MetricComments, DayFlow, "COMMENT"},
					{MetricShares, DayFlow, "RESHARE"},
					{MetricClicks, DayFlow, "LINK_CLICKS"},
				}},
				{FiguresOfPosts, []string{"r_member_postAnalytics"}, []FigureSource{
					{MetricImpressions, Cumulative, "IMPRESSION"},
					{MetricReach, Cumulative, "MEMBERS_REACHED"},
					{MetricLikes, Cumulative, "REACTION"},
					{MetricComments, Cumulative, "COMMENT"},
					{MetricShares, Cumulative, "RESHARE"},
					{MetricClicks, Cumulative, "LINK_CLICKS"},
					{MetricSaves, Cumulative, "POST_SAVE"},
				}},
			},
		}, {
			Type: LinkedInCompanyPage, Name: "company_page", Calls: map[string]int{FetchAccounts: 3, FetchPosts: 2},
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"rw_organization_admin"}, []FigureSource{
					{MetricFollowers, Stock, "firstDegreeSize"},
					{MetricImpressions, DayFlow, "impressionCount"},
					{MetricReach, Rolling, "uniqueImpressionsCount"},
					{MetricEngagement, DayFlow, "likeCount+commentCount+shareCount"},
					{MetricLikes, DayFlow, "likeCount"},
					{MetricComments, DayFlow, "commentCount"},
					{MetricShares, DayFlow, "shareCount"},
					{MetricClicks, DayFlow, "clickCount"},
					{FigureDemographics, Stock, "followerCountsByGeo, followerCountsByGeoCountry"},
				}},
				{FiguresOfPosts, []string{"r_organization_social", "rw_organization_admin"}, []FigureSource{
					{MetricImpressions, Cumulative, "impressionCount"},
					{MetricReach, Cumulative, "uniqueImpressionsCount"},
					{MetricLikes, Cumulative, "likeCount"},
					{MetricComments, Cumulative, "commentCount"},
					{MetricShares, Cumulative, "shareCount"},
					{MetricClicks, Cumulative, "clickCount"},
				}},
			},
		}},
	},
	{ //nolint:gosec // names of settings, no credentials
		Platform: TikTok, Name: "tiktok", Title: "TikTok", Company: "TikTok",
		IDSetting: "LEDGERBOARD_TIKTOK_CLIENT_KEY", SecretSetting: "LEDGERBOARD_TIKTOK_CLIENT_SECRET",
		Scopes: []string{"user.info.basic", "user.info.profile", "user.info.stats", "video.list"},
		Permissions: map[string]string{
			"user.info.basic": "your profile", "user.info.profile": "your user name", "user.info.stats": "followers and likes", "video.list": "your videos",
		},
		RenewedAhead: 20 * time.Minute, RefreshTokens: true, // its tokens live two hours
		Quotas:      []Quota{{Scope: QuotaPerOperation, Calls: 600, Window: time.Minute}}, // as documented
		Operations:  map[string]string{FetchAccounts: "user_info", FetchPosts: "video_list"},
		HistoryPart: 4 * week,
		// Seen in cover_image_url: p16-….tiktokcdn.com, and -us and -eu by the region.
		PictureHosts: []string{"tiktokcdn.com", "tiktokcdn-us.com", "tiktokcdn-eu.com"},
		Kinds: []AccountKind{{
			Name: "user", Calls: map[string]int{FetchAccounts: 1, FetchPosts: 2},
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"user.info.basic", "user.info.stats"}, []FigureSource{
					{MetricFollowers, Stock, "follower_count"},
					{MetricPosts, Stock, "video_count"},
					{MetricLikes, Cumulative, "likes_count"},
					{MetricEngagement, Cumulative, "likes_count"}, // there is no other part
				}},
				{FiguresOfPosts, []string{"user.info.basic", "video.list"}, []FigureSource{
					{MetricViews, Cumulative, "view_count"},
					{MetricLikes, Cumulative, "like_count"},
					{MetricComments, Cumulative, "comment_count"},
					{MetricShares, Cumulative, "share_count"},
				}},
			},
		}},
	},
}

// PlatformFacts is what differs between platforms outside of their wire formats.
type PlatformFacts struct {
	Platform Platform
	Name     string // in lower case, in labels and answers
	Title    string // as people write it
	Company  string // that runs it: a quota of our app there is one for all of its platforms

	LoginBy                  Platform // which also signs people in for its accounts; 0: none does
	IDSetting, SecretSetting string   // of our app
	Scopes                   []string // what a sign-in asks for unless it is configured
	// OwnScopes are what tokens of its own login have instead of scopes of LoginBy's.
	OwnScopes map[string]string
	// Permissions say what its permissions are for; those without words are shown by their names alone.
	Permissions   map[string]string
	RenewedAhead  time.Duration // how long before its end a token is renewed; 0: none is
	RefreshTokens bool          // refresh tokens renew; else the access token of its own login renews itself
	KeepsConsent  bool          // an app has no way to give a person's consent back
	ConsentEnds   bool          // a new consent ends the tokens of what it leaves out, whatever becomes of it here

	Quotas        []Quota           // which hold where the configuration says nothing
	CountsByToken bool              // quotas of the account are those of the person whose token it is, who may have a profile and many pages read
	Operations    map[string]string // what each kind of fetching calls most, where quotas count endpoints
	HistoryPart   time.Duration     // how far back one reading of a history goes
	WritesURNs    bool              // its ids are also written as URNs, which end in the id
	PictureHosts  []string          // see internal/pictures
	Kinds         []AccountKind     // of accounts
}

// AccountKind is a kind of account that is read.
type AccountKind struct {
	Type     AccountType // 0 where the platform has one kind only
	Name     string      // in the platform's own words
	Personal bool        // it is a person's own, and its name is the person's

	// Calls are how many a reading takes, by the kind of fetching, as measured (a test measures them again): of an account's
	// totals without its demographics, and of its posts where five are due.
	Calls map[string]int
	// CallsOfPost is how many a post takes where there is no batch, and no half reading; 0: posts are read together.
	CallsOfPost int

	Figures []FigureScopes
}

// Words is the kind's name for people.
func (k AccountKind) Words() string { return strings.ReplaceAll(k.Name, "_", " ") }

// QuotaScope says what a quota counts.
type QuotaScope string

// The scopes.
const (
	QuotaPerApp       QuotaScope = "app"       // all calls of our app
	QuotaPerOperation QuotaScope = "operation" // all calls of our app to one endpoint
	QuotaPerAccount   QuotaScope = "account"   // the calls about one page, account or member
)

// Quota is one of a platform: so many calls in any window of that length.
type Quota struct {
	Platform Platform
	Scope    QuotaScope // what is counted together
	Calls    int
	Window   time.Duration
	// Assumed: the platform publishes none, nobody has set one, and so this is what an app in development has.
	Assumed bool
}

// String is the quota as settings and people write it: platform:scope:calls/window, like 500/24h.
func (q Quota) String() string {
	window := q.Window.String()
	for _, zero := range []string{"m0s", "h0m"} { // 24h0m0s
		if strings.HasSuffix(window, zero) {
			window = window[:len(window)-2]
		}
	}
	return fmt.Sprintf("%s:%s:%d/%s", q.Platform, q.Scope, q.Calls, window)
}

// Platforms returns all platforms in the order of their numbers.
func Platforms() (all []Platform) {
	for _, facts := range platforms {
		all = append(all, facts.Platform)
	}
	return all
}

// PlatformNames are the names of all platforms, in the order of their numbers.
func PlatformNames() (names []string) {
	for _, facts := range platforms {
		names = append(names, facts.Name)
	}
	return names
}

// PlatformNumbers lists all platforms for people: each number with the platform's title.
func PlatformNumbers() string {
	var list []string
	for _, facts := range platforms {
		list = append(list, fmt.Sprintf("%d %s", facts.Platform, facts.Title))
	}
	return strings.Join(list, ", ")
}

// AccountTypeNumbers lists the types of accounts for people, of the platforms that have several.
func AccountTypeNumbers() string {
	var list []string
	for _, facts := range platforms {
		var types []string
		for _, kind := range facts.Kinds {
			if kind.Type != 0 {
				types = append(types, fmt.Sprintf("%d %s", kind.Type, kind.Words()))
			}
		}
		if types != nil {
			list = append(list, facts.Title+": "+strings.Join(types, ", "))
		}
	}
	return strings.Join(list, "; ")
}

// PlatformNamed returns the platform of that name; 0: there is none.
func PlatformNamed(name string) Platform {
	for _, facts := range platforms {
		if facts.Name == name {
			return facts.Platform
		}
	}
	return 0
}

// PermissionWords say what a permission of a platform is for; "": there are no words.
func PermissionWords(name string) string {
	for _, facts := range platforms {
		if words := facts.Permissions[name]; words != "" {
			return words
		}
	}
	return ""
}

// Facts is what differs between platforms; without any for a number that is none.
func (p Platform) Facts() PlatformFacts {
	for i := range platforms {
		if platforms[i].Platform == p {
			return platforms[i]
		}
	}
	none := fmt.Sprintf("platform(%d)", int(p))
	return PlatformFacts{Name: none, Title: none}
}

// Valid reports whether p is one of the platforms.
func (p Platform) Valid() bool { return p.Facts().Platform != 0 }

// String returns the platform's name in lower case, as it is used in labels and answers.
func (p Platform) String() string { return p.Facts().Name }

// Title is the platform's name as people write it.
func (p Platform) Title() string { return p.Facts().Title }

// PlainID is the platform's id of a page or profile without what makes a URN of it: `urn:li:organization:5501` and `5501` are one page.
func (p Platform) PlainID(externalID string) string {
	if !p.Facts().WritesURNs {
		return externalID
	}
	return externalID[strings.LastIndexByte(externalID, ':')+1:]
}

// Kind is the platform's kind of account of that type. If it has none, known is false, and the first kind stands in: a directory may
// say no type, or one too many.
func (p Platform) Kind(t AccountType) (kind AccountKind, known bool) {
	for i, k := range p.Facts().Kinds {
		if k.Type == t {
			return k, true
		}
		if i == 0 {
			kind = k
		}
	}
	return kind, false
}

// Personal tells whether an account of that type is a person's own.
func (p Platform) Personal(t AccountType) bool {
	kind, known := p.Kind(t)
	return known && kind.Personal
}
