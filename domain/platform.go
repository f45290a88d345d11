package domain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Platform is a social network. Its value is the number (`pId`) that the legacy system assigned.
type Platform int

// The four platforms.
const (
	Facebook  Platform = 1
	Instagram Platform = 3
	LinkedIn  Platform = 4
	TikTok    Platform = 6
)

// AccountType distinguishes LinkedIn's two kinds of social accounts (`aType`); 0 for other
// platforms.
type AccountType int

// LinkedIn's account types.
const (
	LinkedInProfile     AccountType = 1 // personal profile
	LinkedInCompanyPage AccountType = 2 // company page
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// numberedPost is the form of ids that consist of numbers: of the post, or of its page and the post.
var numberedPost = regexp.MustCompile(`^[1-9][0-9]*(_[1-9][0-9]*)*$`)

// platforms holds the facts about each platform, ordered by number. To add a platform, write its
// entry here and its calls in internal/platforms.
var platforms = []PlatformFacts{
	{
		Platform: Facebook, Name: "facebook", Title: "Facebook", Company: "Meta",
		IDSetting: "LEDGERBOARD_FACEBOOK_APP_ID", SecretSetting: "LEDGERBOARD_FACEBOOK_APP_SECRET",
		ConsentEnds: true,
		Scopes: []string{
			"pages_show_list", "pages_read_engagement", "pages_read_user_content", "read_insights", "instagram_basic",
			"instagram_manage_insights",
			"business_management", // without it, pages that belong to a business are not listed
		},
		Permissions: map[string]string{
			"ANALYZE": "the right to see the page's insights", "read_insights": "insights of pages and posts",
			"pages_show_list":         "the list of your pages",
			"pages_read_engagement":   "posts and followers of pages",
			"pages_read_user_content": "likes and comments on posts",
			"business_management":     "pages of a business portfolio",
		},
		// A page is allowed 4,800 calls a day per engaged user. This is the limit of a page with
		// ten. The usage headers limit smaller pages.
		Quotas:      []Quota{{Scope: QuotaPerAccount, Calls: 48_000, Window: day}},
		HistoryPart: 4 * week,
		PostForm:    numberedPost, PostExample: "100200300_400500600",
		// Observed in responses: media at scontent….fbcdn.net.
		PictureHosts: []string{"fbcdn.net"},
		Kinds: []AccountKind{{
			Name: "page", Calls: map[string]int{FetchAccounts: 2, FetchPosts: 9},
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"pages_read_engagement"}, []FigureSource{
					{MetricFollowers, Stock, "followers_count"},
				}},
				{FiguresOfAccount, []string{"pages_read_engagement", "read_insights"}, []FigureSource{
					{MetricViews, DayFlow, "page_media_view"},
					{MetricImpressions, DayFlow, "page_media_view"}, // not a separate number since 2025-11-15
					{MetricReach, Rolling, "page_total_media_view_unique"},
					{MetricEngagement, DayFlow, "page_post_engagements"},
					{MetricClicks, DayFlow, "page_total_actions"},
					{MetricLikes, DayFlow, "page_actions_post_reactions_total"},
					{FigureDemographics, Stock, "page_follows_city, page_follows_country"},
				}},
				{FiguresOfPosts, []string{"pages_read_engagement"}, []FigureSource{
					{MetricShares, Cumulative, "shares"},
				}},
				{FiguresOfPosts, []string{"pages_read_engagement", "pages_read_user_content"}, []FigureSource{
					{MetricLikes, Cumulative, "reactions"},
					{MetricComments, Cumulative, "comments"},
				}},
				{FiguresOfPosts, []string{"pages_read_engagement", "read_insights"}, []FigureSource{
					{MetricLikes, Cumulative, "reactions"}, // used if there is no summary
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
		Scopes: []string{"instagram_business_basic", "instagram_business_manage_insights"},
		OwnScopes: map[string]string{
			"instagram_basic":           "instagram_business_basic",
			"instagram_manage_insights": "instagram_business_manage_insights",
		},
		Permissions: map[string]string{
			"instagram_basic":                    "profile and posts",
			"instagram_manage_insights":          "insights of profile and posts",
			"instagram_business_basic":           "profile and posts",
			"instagram_business_manage_insights": "insights of profile and posts",
		},
		RenewedAhead: week, KeepsConsent: true,
		Quotas: []Quota{{Scope: QuotaPerAccount, Calls: 48_000, Window: day}}, // like Facebook's
		// Each day of the history takes one call, and a reading has time for few calls.
		HistoryPart: week,
		PostForm:    numberedPost, PostExample: "17895695668004550",
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
					{MetricImpressions, DayFlow, "views"}, // not a separate number since 2025
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
			"r_basicprofile", "rw_organization_admin", "r_organization_social", "r_organization_social_feed",
			"r_member_profileAnalytics", "r_member_postAnalytics",
		},
		Permissions: map[string]string{
			"ADMINISTRATOR":             "the role of an administrator of the page",
			"rw_organization_admin":     "figures of company pages",
			"r_member_profileAnalytics": "followers of your profile",
			"r_member_postAnalytics":    "figures of your posts",
		},
		RenewedAhead: week, RefreshTokens: true,
		// LinkedIn publishes limits, per app and per member, only for the development tier, in
		// which each app starts. The developer portal shows the limits of an approved app.
		Quotas: []Quota{
			{Scope: QuotaPerApp, Calls: 500, Window: day, Assumed: true},
			{Scope: QuotaPerAccount, Calls: 100, Window: day, Assumed: true},
		},
		CountsByToken: true, WritesURNs: true, HistoryPart: 4 * week,
		PostForm: regexp.MustCompile(`^urn:li:[A-Za-z]+:[0-9]+$`), PostExample: "urn:li:share:7001",
		PictureHosts: []string{"media.licdn.com"},
		Kinds: []AccountKind{{
			Type: LinkedInProfile, Name: "profile", Personal: true,
			Calls: map[string]int{FetchAccounts: 7, FetchPosts: 35}, CallsOfPost: 7,
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"r_member_profileAnalytics"}, []FigureSource{
					{MetricFollowers, Stock, "memberFollowersCount"},
				}},
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
	{ //nolint:gosec // names of settings, not credentials
		Platform: TikTok, Name: "tiktok", Title: "TikTok", Company: "TikTok",
		IDSetting: "LEDGERBOARD_TIKTOK_CLIENT_KEY", SecretSetting: "LEDGERBOARD_TIKTOK_CLIENT_SECRET",
		Scopes: []string{"user.info.basic", "user.info.profile", "user.info.stats", "video.list"},
		Permissions: map[string]string{
			"user.info.basic": "your profile", "user.info.profile": "your user name",
			"user.info.stats": "followers and likes", "video.list": "your videos",
		},
		RenewedAhead: 20 * time.Minute, RefreshTokens: true, // access tokens are valid for two hours
		Quotas:      []Quota{{Scope: QuotaPerOperation, Calls: 600, Window: time.Minute}}, // as documented
		Operations:  map[string]string{FetchAccounts: "user_info", FetchPosts: "video_list"},
		HistoryPart: 4 * week,
		PostForm:    numberedPost, PostExample: "7123456789012345678",
		// Observed in cover_image_url: p16-….tiktokcdn.com, and -us and -eu by region.
		PictureHosts: []string{"tiktokcdn.com", "tiktokcdn-us.com", "tiktokcdn-eu.com"},
		Kinds: []AccountKind{{
			Name: "user", Calls: map[string]int{FetchAccounts: 1, FetchPosts: 2},
			Figures: []FigureScopes{
				{FiguresOfAccount, []string{"user.info.basic", "user.info.stats"}, []FigureSource{
					{MetricFollowers, Stock, "follower_count"},
					{MetricPosts, Stock, "video_count"},
					{MetricLikes, Cumulative, "likes_count"},
					{MetricEngagement, Cumulative, "likes_count"}, // no other component is available
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

// PlatformFacts holds the differences between platforms other than their wire formats.
type PlatformFacts struct {
	Platform Platform
	Name     string // in lower case, for labels and API responses
	Title    string // for people
	Company  string // the operator; platforms of one company share the quota of our app

	LoginBy                  Platform // the other platform whose login also covers accounts of this one; 0 for none
	IDSetting, SecretSetting string   // names of the settings with our app's id and secret
	Scopes                   []string // the default scopes of a sign-in
	// OwnScopes maps the scopes of LoginBy to those of tokens of the platform's own login.
	OwnScopes map[string]string
	// Permissions describes permissions to people. A permission without a description is shown by
	// name.
	Permissions   map[string]string
	RenewedAhead  time.Duration // how long before its expiry a token is renewed; 0 if tokens are not renewed
	RefreshTokens bool          // whether refresh tokens renew access tokens; if not, access tokens renew themselves
	KeepsConsent  bool          // whether an app cannot revoke a person's consent
	ConsentEnds   bool          // whether a new consent revokes the tokens of everything that it does not include

	Quotas        []Quota           // the default quotas
	CountsByToken bool              // whether account quotas apply to the token's owner, who may have several accounts
	Operations    map[string]string // the endpoint that each kind of fetching calls most, if quotas count by endpoint
	HistoryPart   time.Duration     // the period that one reading of the history covers
	WritesURNs    bool              // whether ids can also be written as URNs that end in the id
	PostForm      *regexp.Regexp    // form of the platform's ids of posts
	PostExample   string            // an id of this form
	PictureHosts  []string          // domains from which internal/pictures downloads
	Kinds         []AccountKind     // kinds of accounts that can be read
}

// AccountKind is a kind of account that can be read.
type AccountKind struct {
	Type     AccountType // 0 if the platform has only one kind
	Name     string      // in the platform's terms
	Personal bool        // whether it belongs to a person and has the person's name

	// Calls is the number of calls that a reading takes, by kind of fetching: for an account, its
	// totals without demographics; for posts, five due posts. A test measures the numbers.
	Calls map[string]int
	// CallsOfPost is the number of calls per post if the platform has no batch requests and no
	// partial readings; 0 if posts are read together.
	CallsOfPost int

	Figures []FigureScopes
}

// Title returns the kind's name for people.
func (a AccountKind) Title() string { return strings.ReplaceAll(a.Name, "_", " ") }

// Platforms returns all platforms, ordered by number.
func Platforms() (all []Platform) {
	for _, facts := range platforms {
		all = append(all, facts.Platform)
	}
	return all
}

// PlatformNames returns the names of all platforms, ordered by number.
func PlatformNames() (names []string) {
	for _, facts := range platforms {
		names = append(names, facts.Name)
	}
	return names
}

// PersonalPlatforms returns the platforms with accounts that belong to a person.
func PersonalPlatforms() (personal []Platform) {
	for _, facts := range platforms {
		if slices.ContainsFunc(facts.Kinds, func(k AccountKind) bool { return k.Personal }) {
			personal = append(personal, facts.Platform)
		}
	}
	return personal
}

// PlatformNumbers lists the number and title of each platform, for people.
func PlatformNumbers() string {
	var list []string
	for _, facts := range platforms {
		list = append(list, fmt.Sprintf("%d %s", facts.Platform, facts.Title))
	}
	return strings.Join(list, ", ")
}

// AccountTypeNumbers lists the account types of platforms that have several, for people.
func AccountTypeNumbers() string {
	var list []string
	for _, facts := range platforms {
		var types []string
		for _, kind := range facts.Kinds {
			if kind.Type != 0 {
				types = append(types, fmt.Sprintf("%d %s", kind.Type, kind.Title()))
			}
		}
		if types != nil {
			list = append(list, facts.Title+": "+strings.Join(types, ", "))
		}
	}
	return strings.Join(list, "; ")
}

// PlatformNamed returns the platform with the name, or 0.
func PlatformNamed(name string) Platform {
	for _, facts := range platforms {
		if facts.Name == name {
			return facts.Platform
		}
	}
	return 0
}

// PermissionWords returns the description of a permission of any platform, or "".
func PermissionWords(name string) string {
	for _, facts := range platforms {
		if words := facts.Permissions[name]; words != "" {
			return words
		}
	}
	return ""
}

// Facts returns the facts about the platform. For an unknown number, only the names are set.
func (p Platform) Facts() PlatformFacts {
	for i := range platforms {
		if platforms[i].Platform == p {
			return platforms[i]
		}
	}
	unknown := fmt.Sprintf("platform(%d)", int(p))
	return PlatformFacts{Name: unknown, Title: unknown}
}

// Valid reports whether p is a known platform.
func (p Platform) Valid() bool { return p.Facts().Platform != 0 }

// String returns the platform's name in lower case, for labels and API responses.
func (p Platform) String() string { return p.Facts().Name }

// Title returns the platform's name for people.
func (p Platform) Title() string { return p.Facts().Title }

// CheckPostID refuses a text that cannot be the platform's id of a post. Spreadsheets and databases
// print long ids as numbers, such as 1.78414E+16, which identify no post.
func (p Platform) CheckPostID(externalID string) error {
	if facts := p.Facts(); facts.PostForm == nil || !facts.PostForm.MatchString(externalID) {
		return fmt.Errorf("external_id is not an id of a post on %s, such as %s", facts.Title, facts.PostExample)
	}
	return nil
}

// PlainID returns the platform's id of a page or profile without a URN prefix:
// `urn:li:organization:5501` and `5501` are the same page.
func (p Platform) PlainID(externalID string) string {
	if !p.Facts().WritesURNs {
		return externalID
	}
	return externalID[strings.LastIndexByte(externalID, ':')+1:]
}

// Kind returns the platform's kind of account with the type. Without a match, known is false and
// the first kind is returned, because a directory may omit the type or set an unused one.
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

// Personal reports whether accounts of the type belong to a person. Like [Platform.Kind], it treats
// an unknown type as the first kind: a LinkedIn account without a type may carry a person's name.
func (p Platform) Personal(t AccountType) bool {
	kind, _ := p.Kind(t)
	return kind.Personal
}
