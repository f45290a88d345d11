package platforms

import (
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// LimitBodies lowers the size limit of one answer.
func LimitBodies(c *Config, most int64) { c.maxBodyBytes = most }

// LimitTime shortens the time limit of one call.
func LimitTime(c *Config, most time.Duration) { c.timeout = most }

// Hosts returns the hosts for calls, tokens and dialogs, and the version of the API.
func Hosts(e Endpoint) []string { return []string{e.BaseURL, e.authURL, e.dialogURL, e.Version} }

// CodesOfErrors returns the codes of all rules, and of answers that no rule knows.
func CodesOfErrors() (all []domain.StatusCode) {
	all = append(all, reasonOfStatus(0), reasonOfStatus(http.StatusTooManyRequests), reasonOfStatus(http.StatusInternalServerError))
	for _, rules := range [][]rule{graphRules, linkedInRules, tikTokRules} {
		for _, r := range rules {
			all = append(all, r.reason)
		}
	}
	return all
}

// TabledMetrics returns the post metrics in the clients' tables, by client.
func TabledMetrics() map[string][]string {
	tabled := map[string][]string{}
	for _, kind := range []string{TypePost, TypePhoto, TypeVideo, TypeReel, TypeStory, TypeCarousel, TypeAd} {
		for _, metric := range mediaMetrics(kind) {
			tabled["Instagram"] = append(tabled["Instagram"], figureOfMedia(metric))
		}
	}
	for _, m := range memberPostMetrics {
		tabled["LinkedIn's profiles"] = append(tabled["LinkedIn's profiles"], m.name)
	}
	for _, m := range shareMetrics {
		if m.name != domain.MetricEngagement {
			tabled["LinkedIn's pages"] = append(tabled["LinkedIn's pages"], m.name)
		}
	}
	return tabled
}
