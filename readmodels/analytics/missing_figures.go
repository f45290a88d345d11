package analytics

import (
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Reasons of [domain.MissingFigure].
const (
	reasonUnsupported = "unsupported"
	reasonPermission  = "permission"
)

// givesNone reports whether the response is about posts and a platform has none of the metrics for
// posts.
func (qc sourceQuery) givesNone(p domain.Platform, metrics ...string) bool {
	return qc.ofPosts && !slices.ContainsFunc(metrics,
		func(m string) bool { return p.Sources(domain.FiguresOfPosts, m) != nil })
}

// subject returns the subject of the response's metrics.
func (qc sourceQuery) subject() string {
	if qc.ofPosts {
		return "posts"
	}
	return "accounts"
}

// missingFigures returns the response's metrics that are missing, and how many of them are
// unsupported. A metric with a figure in the range is not missing, even if the newest reading lacks
// it: some metrics are not read every time. But a metric that is no longer read, because a permission
// is missing, is missing unless the range was over before. Without readings, only metrics that lack a
// permission are returned.
func (qc sourceQuery) missingFigures(f sourceFacts, unread bool) (all []domain.MissingFigure, unsupported int) {
	all = []domain.MissingFigure{}
	if f.leftTheScope || f.erased {
		return all, 0
	}
	for _, metric := range qc.metrics {
		missing := qc.missingFigure(f, metric)
		ended := missing.Reason == reasonPermission && f.LastRead != nil && f.LastRead.Before(qc.query.Range.To)
		if slices.Contains(f.figures, metric) || qc.metricsRead[f.SocialAccount][metric] != nil && !ended {
			continue
		}
		if unread && missing.Reason != reasonPermission {
			continue
		}
		if missing.Reason == reasonUnsupported {
			unsupported++
		}
		all = append(all, missing)
	}
	return all, unsupported
}

// missingFigure returns why a metric has no figure: a permission was not granted at sign-in, or the
// reason in the newest reading. If that reading gives no reason, the metric was not requested
// because the platform does not have it.
func (qc sourceQuery) missingFigure(f sourceFacts, metric string) domain.MissingFigure {
	figures := domain.FiguresOfAccount
	if qc.ofPosts {
		figures = domain.FiguresOfPosts
	}
	lacks := func(u domain.UngrantedFigure) bool { return u.Of == figures && u.Figure == metric }
	if i := slices.IndexFunc(f.ungranted, lacks); i >= 0 {
		return f.ungranted[i].Reason()
	}
	if i := slices.IndexFunc(f.missing, func(m domain.MissingFigure) bool { return m.Name == metric }); i >= 0 {
		return f.missing[i]
	}
	if qc.ofPosts && !qc.givesNone(f.Platform, metric) {
		return domain.MissingFigure{
			Name: metric, Reason: "empty", Detail: "no post has two readings with it in the range",
		}
	}
	return domain.MissingFigure{
		Name: metric, Reason: reasonUnsupported, Detail: "the platform does not report it for " + qc.subject(),
	}
}

// missingWords are the reasons of [domain.MissingFigure] in sentences. "empty" needs no words.
var missingWords = map[string]string{
	reasonUnsupported: " (not reported by the platform)", reasonPermission: " (a permission is missing)",
	"throttled": " (the rate limit was reached)", "error": " (the request failed)",
}

func listMissing(missing []domain.MissingFigure) string {
	parts := make([]string, len(missing))
	for i, m := range missing {
		parts[i] = m.Name + missingWords[m.Reason]
	}
	return strings.Join(parts, ", ")
}

// ReasonOfCounted returns the reason without the metrics that the platform does not count, or "" if
// nothing else remains.
func (s Source) ReasonOfCounted() string {
	reason, all := string(s.Reason), listMissing(s.Missing)
	counted := slices.DeleteFunc(slices.Clone(s.Missing),
		func(m domain.MissingFigure) bool { return m.Reason == reasonUnsupported })
	switch len(counted) {
	case len(s.Missing):
	case 0:
		_, reason, _ = strings.Cut(reason, all+".")
	default:
		reason = strings.Replace(reason, all, listMissing(counted), 1)
	}
	return strings.TrimSpace(reason)
}
