package domain

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// FigureScopes are figures that need the same scopes: all of them.
type FigureScopes struct {
	Of      Figures
	Scopes  []string // as the platform spells them; of a platform's [PlatformFacts.LoginBy] where it has one
	Figures []FigureSource
}

// FigureSource is what a figure is made of.
type FigureSource struct {
	Name   string // as [Figure] and the counts of posts name it; demographics: all splits of the audience
	Kind   Kind
	Source string // the platform's metrics
}

// FigureDemographics stands for all splits of an account's audience in [FigureScopes].
const FigureDemographics = "demographics"

// FiguresOf are the figures of an account or its posts that the platform gives, with the scopes that each needs. Accounts
// by the platform's own login have scopes of their own.
func (p Platform) FiguresOf(t AccountType, ownLogin bool) []FigureScopes {
	kind, _ := p.Kind(t)
	figures, own := slices.Clone(kind.Figures), p.Facts().OwnScopes
	for i := range figures {
		if ownLogin && own != nil {
			figures[i].Scopes = slices.Clone(figures[i].Scopes)
			for j, scope := range figures[i].Scopes {
				figures[i].Scopes[j] = cmp.Or(own[scope], scope)
			}
		}
	}
	return figures
}

// Gives tells whether the platform gives a figure of that kind.
func (p Platform) Gives(of Figures, figure string, kind Kind) bool {
	return slices.ContainsFunc(p.Sources(of, figure), func(s FigureSource) bool { return s.Kind == kind })
}

// Sources are what the platform makes a figure of, over all kinds of its accounts; none if it does not give the figure.
func (p Platform) Sources(of Figures, figure string) (sources []FigureSource) {
	for _, kind := range p.Facts().Kinds {
		for _, group := range kind.Figures {
			for _, source := range group.Figures {
				if group.Of == of && source.Name == figure {
					sources = append(sources, source)
				}
			}
		}
	}
	return sources
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
	own := slices.Collect(maps.Values(p.Facts().OwnScopes))
	byOwn := slices.ContainsFunc(granted, func(scope string) bool { return slices.Contains(own, scope) })
	for _, need := range p.FiguresOf(t, byOwn) {
		var lacking []string
		for _, scope := range need.Scopes {
			if !slices.Contains(granted, scope) {
				lacking = append(lacking, scope)
			}
		}
		for _, figure := range need.Figures {
			if len(lacking) > 0 {
				figures = append(figures, UngrantedFigure{need.Of, figure.Name, lacking})
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
	Cumulative Kind = "cumulative" // a reading gains the difference to the one before it (likes of a post)
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
