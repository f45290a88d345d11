package analytics

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// givesNone reports whether the response is about posts and a platform has none of the metrics for
// posts.
func (s sourceQuery) givesNone(p domain.Platform, metrics ...string) bool {
	return s.ofPosts && !slices.ContainsFunc(metrics,
		func(m string) bool { return p.Sources(domain.FiguresOfPosts, m) != nil })
}

// subject returns what the response's metrics are about.
func (s sourceQuery) subject() domain.Figures {
	if s.ofPosts {
		return domain.FiguresOfPosts
	}
	return domain.FiguresOfAccount
}

// missingFigures returns the response's metrics that are missing, and how many of them are
// unsupported. A metric with a figure in the range is not missing, even if the newest reading lacks
// it: some metrics are not read every time. But a metric that is no longer read, because a permission
// is missing, is missing unless the range was over before. Without readings, only metrics that lack a
// permission are returned.
func (s sourceQuery) missingFigures(f sourceFacts, unread bool) (all []domain.StatusReason, unsupported int) {
	if f.left != "" || f.erased {
		return nil, 0
	}
	for _, metric := range s.metrics {
		missing := s.missingFigure(f, metric)
		lacksPermission := missing.Code == domain.StatusPermission
		ended := lacksPermission && f.LastRead != nil && f.LastRead.Before(s.query.Range.To)
		if slices.Contains(f.figures, metric) || s.metricsRead[f.SocialAccount][metric] != nil && !ended {
			continue
		}
		if unread && !lacksPermission {
			continue
		}
		if missing.Code == domain.StatusUnsupportedMetric {
			unsupported++
		}
		all = append(all, missing)
	}
	return all, unsupported
}

// missingFigure returns why a metric has no figure: a permission was not granted at sign-in, or the
// reason in the newest reading. If that reading gives no reason, the metric was not requested
// because the platform does not have it.
func (s sourceQuery) missingFigure(f sourceFacts, metric string) domain.StatusReason {
	lacks := func(u domain.UngrantedFigure) bool { return u.Of == s.subject() && u.Figure == metric }
	if i := slices.IndexFunc(f.ungranted, lacks); i >= 0 {
		reason := s.about(metric, domain.StatusPermission)
		reason.Scopes = f.ungranted[i].Scopes
		return reason
	}
	if i := slices.IndexFunc(f.missing, func(m domain.MissingFigure) bool { return m.Name == metric }); i >= 0 {
		return s.about(metric, f.missing[i].Code)
	}
	if s.ofPosts && !s.givesNone(f.Platform, metric) {
		return s.about(metric, domain.StatusNoGain)
	}
	return s.about(metric, domain.StatusUnsupportedMetric)
}
