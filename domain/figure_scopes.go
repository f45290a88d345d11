package domain

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// FigureScopes holds figures that need the same scopes. If several groups contain a figure, the
// scopes of one of them are enough.
type FigureScopes struct {
	Of      Figures
	Scopes  []string // in the platform's spelling; scopes of [PlatformFacts.LoginBy] if the platform has one
	Figures []FigureSource
}

// FigureSource is the source of a figure.
type FigureSource struct {
	Name   string // as in [Figure] and [Counts]; demographics: all splits of the audience
	Kind   Kind
	Source string // the platform's names of the metrics
}

// FigureDemographics is the name of all splits of an account's audience in [FigureScopes].
const FigureDemographics = "demographics"

// FiguresOf returns the figures that the platform provides for an account and its posts, with the
// scopes that they need. If ownLogin is set, these are scopes of the platform's own login, not of
// [PlatformFacts.LoginBy].
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

// Provides reports whether the platform provides a figure with the given kind.
func (p Platform) Provides(of Figures, figure string, kind Kind) bool {
	return slices.ContainsFunc(p.Sources(of, figure), func(s FigureSource) bool { return s.Kind == kind })
}

// Sources returns the platform's sources of a figure, over all kinds of accounts.
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

// Permissions describes what a stored token can read, as reported by the platform.
type Permissions struct {
	// Granted lists the granted scopes in order; null if the platform was not asked yet, or does
	// not report them.
	Granted *[]string `json:"granted_scopes"`
	// Ungranted lists the figures that stay null because a scope is missing; empty if the granted
	// scopes are unknown.
	Ungranted []UngrantedFigure `json:"ungranted_figures"`
}

// UngrantedFigure is a figure that the platform would provide with more scopes.
type UngrantedFigure struct {
	Of     Figures  `json:"of"`     // "account" or "posts"
	Figure string   `json:"figure"` // name of the figure; demographics: all splits of the audience
	Scopes []string `json:"scopes"` // scopes that the figure needs and that were not granted
}

// PermissionsOf returns the permissions of a stored token. stored holds the scopes separated by
// spaces; nil if unknown.
func PermissionsOf(p Platform, t AccountType, stored *string) Permissions {
	if stored == nil {
		return Permissions{Ungranted: []UngrantedFigure{}}
	}
	granted := append([]string{}, strings.Fields(*stored)...)
	own := slices.Collect(maps.Values(p.Facts().OwnScopes))
	byOwn := slices.ContainsFunc(granted, func(scope string) bool { return slices.Contains(own, scope) })
	lacks := func(scope string) bool { return !slices.Contains(granted, scope) }
	return Permissions{Granted: &granted, Ungranted: Ungranted(p.FiguresOf(t, byOwn), lacks)}
}

// Ungranted returns the figures that cannot be read without the scopes that are lacking.
func Ungranted(needs []FigureScopes, lacks func(scope string) bool) []UngrantedFigure {
	ungranted := []UngrantedFigure{}
	for _, need := range needs {
		if !slices.ContainsFunc(need.Scopes, lacks) {
			continue
		}
		lacking := slices.DeleteFunc(slices.Clone(need.Scopes), func(scope string) bool { return !lacks(scope) })
		for _, figure := range need.Figures {
			otherwise := func(n FigureScopes) bool { // it can be read with the scopes of another group
				isIt := func(f FigureSource) bool { return f.Name == figure.Name }
				return n.Of == need.Of && slices.ContainsFunc(n.Figures, isIt) && !slices.ContainsFunc(n.Scopes, lacks)
			}
			listed := func(u UngrantedFigure) bool { return u.Of == need.Of && u.Figure == figure.Name }
			if !slices.ContainsFunc(needs, otherwise) && !slices.ContainsFunc(ungranted, listed) {
				ungranted = append(ungranted, UngrantedFigure{need.Of, figure.Name, lacking})
			}
		}
	}
	return ungranted
}

// Kind says how the values of a figure can be combined over time.
type Kind string

// The four kinds.
const (
	Stock      Kind = "stock"      // the last reading is the value (followers)
	Cumulative Kind = "cumulative" // a reading adds the difference from the previous one (likes of a post)
	DayFlow    Kind = "day_flow"   // the value of a day, replaced by later readings of it; ranges are sums of days
	Rolling    Kind = "rolling"    // the value of the platform's own window: shown as read, never subtracted or added
)

// accountFigures lists the metrics that readings of accounts have columns for. The place of a metric
// is stored, so new ones are appended.
var accountFigures = []string{
	MetricFollowers, MetricEngagement, MetricImpressions, MetricViews, MetricReach, MetricPosts, MetricLikes,
	MetricComments, MetricShares, MetricClicks,
}

// AccountFigures returns the metrics that readings of accounts have columns for.
func AccountFigures() []string { return slices.Clone(accountFigures) }

// FigureNumber returns the number of a metric in the tables of account figures; 0 if it has none.
func FigureNumber(metric string) int16 { return int16(slices.Index(accountFigures, metric) + 1) }

// FigureOfWindow is added to the number of a metric for figures of the platform's own windows, which
// are stored next to the metric's own figure.
const FigureOfWindow = 100

// FigureName returns the metric of a number in the tables of account figures, also of its windows.
func FigureName(number int16) string { return accountFigures[number%FigureOfWindow-1] }

// AccountSource returns the declared kind and source of a metric of an account type. If the type has
// none, or is unknown, another type of the platform decides. It returns the zero value if the
// platform has no such metric of accounts.
func (p Platform) AccountSource(t AccountType, metric string) (declared FigureSource) {
	for _, kind := range p.Facts().Kinds {
		for _, group := range kind.Figures {
			for _, source := range group.Figures {
				if group.Of == FiguresOfAccount && source.Name == metric && (declared.Name == "" || kind.Type == t) {
					declared = source
				}
			}
		}
	}
	return declared
}

// HasSteps reports whether readings of a figure gain the difference from the previous one.
func (k Kind) HasSteps() bool { return k == Stock || k == Cumulative }
