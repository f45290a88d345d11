package apidoc

import (
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// placeholders replaces placeholders in comments with facts about the platforms.
var placeholders = newPlaceholders()

func newPlaceholders() *strings.Replacer {
	pairs := []string{
		"{platforms}", domain.PlatformNumbers(), "{platform names}", strings.Join(domain.PlatformNames(), ", "),
		"{account types}", domain.AccountTypeNumbers(), "{post metrics}", postMetrics(),
	}
	for _, figure := range []string{
		domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricViews,
		domain.MetricReach, domain.MetricLikes,
		domain.FigureDemographics,
	} {
		pairs = append(
			pairs, "{account "+figure+"}", sources(domain.FiguresOfAccount, figure), "{post "+figure+"}",
			sources(domain.FiguresOfPosts, figure),
		)
	}
	return strings.NewReplacer(pairs...)
}

// sources lists the metrics of each platform that a figure consists of.
func sources(of domain.Figures, figure string) string {
	var gives, lacks []string
	for _, p := range domain.Platforms() {
		var metrics []string
		kind := ""
		for _, source := range p.Sources(of, figure) {
			if !slices.Contains(metrics, source.Source) {
				metrics = append(metrics, source.Source)
			}
			kind = strings.ReplaceAll(string(source.Kind), "_", " ")
		}
		if metrics == nil {
			lacks = append(lacks, p.Title())
			continue
		}
		gives = append(gives, p.Title()+" "+strings.Join(metrics, " and ")+" ("+kind+")")
	}
	text := strings.Join(gives, ", ")
	if lacks != nil {
		text += "; not available from " + strings.Join(lacks, " or ")
	}
	return text
}

// postMetrics lists the metrics of each platform's posts.
func postMetrics() string {
	var all []string
	for _, p := range domain.Platforms() {
		var kinds []string
		for _, kind := range p.Facts().Kinds {
			var metrics []string
			for _, group := range kind.Figures {
				for _, figure := range group.Figures {
					if group.Of == domain.FiguresOfPosts && !slices.Contains(metrics, figure.Source) {
						metrics = append(metrics, figure.Source)
					}
				}
			}
			text := strings.Join(metrics, ", ")
			if kind.Type != 0 {
				text += " (" + kind.Title() + ")"
			}
			kinds = append(kinds, text)
		}
		all = append(all, p.Title()+" "+strings.Join(kinds, ", "))
	}
	return strings.Join(all, "; ")
}
