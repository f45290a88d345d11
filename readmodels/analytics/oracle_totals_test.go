package analytics_test

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// asRead lists the rolling figures of metrics.
func (o *oracle) asRead(metrics ...string) []analytics.ReadFigure {
	out := []analytics.ReadFigure{}
	for _, p := range domain.Platforms() {
		for _, s := range o.ids([]domain.Platform{p}) {
			for _, metric := range metrics {
				h := o.last(s.id, metric, domain.Rolling, o.q.Range.From, o.q.Range.To)
				if h == nil {
					continue
				}
				out = append(out, analytics.ReadFigure{
					SocialAccount: s.id, PlatformRef: readmodels.PlatformRef{Platform: p, PlatformName: p.String()},
					Metric: metric, Kind: domain.Rolling, Window: domain.OptionalText(h.figure.Window), Value: o.uses(h),
					SourceMetric: h.figure.Source, CapturedAt: h.read.CapturedAt,
				})
			}
		}
	}
	return out
}
