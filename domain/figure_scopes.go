package domain

import (
	"slices"
	"strings"
)

// FigureScopes says which scopes some figures need: all of them.
type FigureScopes struct {
	Of      Figures
	Figures []string // as [Figure] and the counts of posts name them; demographics: all splits of the audience
	Scopes  []string // as the platform spells them
}

// FigureDemographics stands for all splits of an account's audience in [FigureScopes].
const FigureDemographics = "demographics"

// ScopesOfFigures is the one table of the scopes that each figure of a platform needs. Accounts of Instagram login have scopes of
// their own; the account type counts on LinkedIn alone.
func ScopesOfFigures(p Platform, t AccountType, instagramLogin bool) []FigureScopes {
	switch {
	case p == Facebook:
		return []FigureScopes{
			{FiguresOfAccount, []string{MetricFollowers}, []string{"pages_read_engagement"}},
			{
				FiguresOfAccount, []string{
					MetricViews, MetricImpressions, MetricReach, MetricEngagement, MetricClicks, MetricLikes, FigureDemographics,
				}, []string{"pages_read_engagement", "read_insights"},
			},
			{FiguresOfPosts, []string{MetricShares}, []string{"pages_read_engagement"}},
			{FiguresOfPosts, []string{MetricLikes, MetricComments}, []string{"pages_read_engagement", "pages_read_user_content"}},
			{
				FiguresOfPosts,
				[]string{MetricViews, MetricImpressions, MetricReach, MetricClicks, MetricAvgWatch},
				[]string{"pages_read_engagement", "read_insights"},
			},
		}
	case p == Instagram && instagramLogin:
		return instagramScopes("instagram_business_basic", "instagram_business_manage_insights")
	case p == Instagram:
		return instagramScopes("instagram_basic", "instagram_manage_insights")
	case p == LinkedIn && t == LinkedInProfile:
		return []FigureScopes{
			{FiguresOfAccount, []string{MetricFollowers}, []string{"r_member_profileAnalytics"}},
			{
				FiguresOfAccount,
				[]string{MetricImpressions, MetricReach, MetricEngagement, MetricLikes, MetricComments, MetricShares, MetricClicks},
				[]string{"r_member_postAnalytics"},
			},
			{
				FiguresOfPosts,
				[]string{MetricImpressions, MetricReach, MetricLikes, MetricComments, MetricShares, MetricClicks, MetricSaves},
				[]string{"r_member_postAnalytics"},
			},
		}
	case p == LinkedIn:
		return []FigureScopes{
			{
				FiguresOfAccount, []string{
					MetricFollowers, MetricImpressions, MetricReach, MetricEngagement, MetricLikes, MetricComments, MetricShares, MetricClicks, FigureDemographics,
				}, []string{"rw_organization_admin"},
			},
			{
				FiguresOfPosts,
				[]string{MetricImpressions, MetricReach, MetricLikes, MetricComments, MetricShares, MetricClicks},
				[]string{"r_organization_social", "rw_organization_admin"},
			},
		}
	case p == TikTok:
		return []FigureScopes{
			{FiguresOfAccount, []string{MetricFollowers, MetricPosts, MetricLikes, MetricEngagement}, []string{"user.info.basic", "user.info.stats"}},
			{FiguresOfPosts, []string{MetricViews, MetricLikes, MetricComments, MetricShares}, []string{"user.info.basic", "video.list"}},
		}
	default:
		return nil
	}
}

func instagramScopes(basic, insights string) []FigureScopes {
	return []FigureScopes{
		{FiguresOfAccount, []string{MetricFollowers, MetricPosts}, []string{basic}},
		{
			FiguresOfAccount, []string{
				MetricViews, MetricImpressions, MetricReach, MetricEngagement, MetricLikes, MetricComments, MetricShares, FigureDemographics,
			}, []string{basic, insights},
		},
		{FiguresOfPosts, []string{MetricLikes, MetricComments}, []string{basic}},
		{FiguresOfPosts, []string{MetricViews, MetricImpressions, MetricReach, MetricShares, MetricSaves, MetricAvgWatch}, []string{basic, insights}},
	}
}

// Permissions are what a stored token may read, as far as the platform said.
type Permissions struct {
	// Granted are the scopes that were granted, in their order; null: the platform was not asked yet, or does not say.
	Granted *[]string `json:"granted_scopes"`
	// Ungranted are figures that stay null because a scope is missing; empty while nothing is known.
	Ungranted []UngrantedFigure `json:"ungranted_figures"`
}

// UngrantedFigure is a figure that the platform would give if more had been granted.
type UngrantedFigure struct {
	Of     Figures  `json:"of"`     // account or posts
	Figure string   `json:"figure"` // its name; demographics: all splits of the audience
	Scopes []string `json:"scopes"` // that it needs and that were not granted
}

// Reason is why the figure is null, as [MissingFigure] tells it.
func (f UngrantedFigure) Reason() MissingFigure {
	return MissingFigure{Name: f.Figure, Reason: "permission", Detail: "whoever signed in did not grant " + strings.Join(f.Scopes, " and ")}
}

// PermissionsOf makes permissions of what is stored of a token: scopes parted by spaces; nil: nothing is known.
func PermissionsOf(p Platform, t AccountType, stored *string) Permissions {
	if stored == nil {
		return Permissions{Ungranted: []UngrantedFigure{}}
	}
	granted := append([]string{}, strings.Fields(*stored)...)
	return Permissions{Granted: &granted, Ungranted: ungranted(p, t, granted)}
}

func ungranted(p Platform, t AccountType, granted []string) []UngrantedFigure {
	figures := []UngrantedFigure{}
	byInstagram := slices.ContainsFunc(granted, func(scope string) bool { return strings.HasPrefix(scope, "instagram_business_") })
	for _, need := range ScopesOfFigures(p, t, byInstagram) {
		var lacking []string
		for _, scope := range need.Scopes {
			if !slices.Contains(granted, scope) {
				lacking = append(lacking, scope)
			}
		}
		for _, figure := range need.Figures {
			if len(lacking) > 0 {
				figures = append(figures, UngrantedFigure{need.Of, figure, lacking})
			}
		}
	}
	return figures
}

// Kind says how a figure may be combined over time.
type Kind string

// The four kinds.
const (
	Stock      Kind = "stock"      // the last reading counts (followers)
	Cumulative Kind = "cumulative" // a reading gains the difference to the one before it (TikTok likes)
	DayFlow    Kind = "day_flow"   // belongs to a day; a later reading of that day replaces it; a range is the sum of its days
	Rolling    Kind = "rolling"    // over the platform's own window: shown as read, never subtracted or summed
)

// Metric names used in [Figure]; the vocabulary of the read models' columns.
const (
	MetricFollowers   = "followers"
	MetricEngagement  = "engagement"
	MetricImpressions = "impressions"
	MetricViews       = "views"
	MetricReach       = "reach"
	MetricPosts       = "posts"
	MetricLikes       = "likes"
	MetricComments    = "comments"
	MetricShares      = "shares"
	MetricClicks      = "clicks"
	MetricSaves       = "saves"
	MetricAvgWatch    = "avg_watch_ms"
)
