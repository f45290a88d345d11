package platforms

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// LimitBodies shortens what may be read of one answer.
func LimitBodies(c *Config, most int64) { c.maxBodyBytes = most }

// LimitTime shortens how long one call may take.
func LimitTime(c *Config, most time.Duration) { c.timeout = most }

// AskVersion asks for another version of a platform's API.
func AskVersion(e *Endpoint, version string) { e.version = version }

// Hosts are where calls, tokens and dialogs go, and the version of the API.
func Hosts(e Endpoint) []string { return []string{e.BaseURL, e.authURL, e.dialogURL, e.version} }

// PutMetric puts a number for a metric of a post, and returns the counts; placed is false where the metric has no place among them.
func PutMetric(metric string) (counts domain.Counts, placed bool) {
	var s PostSnapshot
	place := s.place(metric)
	if place == nil {
		return counts, false
	}
	*place = new(int64)
	return s.Counts, true
}

// TabledMetrics are the metrics of posts that clients put by their tables, by client.
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
