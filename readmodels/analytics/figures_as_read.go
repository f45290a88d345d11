package analytics

import (
	"cmp"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ReadFigure is a figure that is shown as it was read: it is over the platform's own window, or stands
// for something that does not add up, and is in no total.
type ReadFigure struct {
	readmodels.PlatformRef

	SocialAccount int64               `json:"social_account_id"`
	Metric        string              `json:"metric"`
	Kind          domain.Kind         `json:"kind"`   // rolling, or stock
	Window        domain.OptionalText `json:"window"` // the platform's name for it; null when it gave none
	Value         int64               `json:"value"`
	SourceMetric  string              `json:"source_metric"`
	CapturedAt    time.Time           `json:"captured_at"` // of the last reading in the range
}

// asRead returns the figures of a metric that no total takes, each as the range's last reading has it.
func (f *accountFigures) asRead(metric string) []ReadFigure {
	figures := []ReadFigure{}
	for _, s := range f.series {
		if s.metric != metric {
			continue
		}
		for key, g := range s.gauges {
			last := f.latest(g)
			if key.kind == domain.Cumulative || last == nil {
				continue
			}
			f.noteCapture(&last.at)
			f.noteMetric(s.social, s.metric)
			figures = append(figures, ReadFigure{
				SocialAccount: s.social, PlatformRef: readmodels.PlatformRefOf(s.platform), Metric: s.metric, Kind: key.kind,
				Window: domain.OptionalText(key.window), Value: last.value, SourceMetric: last.source, CapturedAt: last.at,
			})
		}
	}
	slices.SortFunc(figures, func(x, y ReadFigure) int {
		return cmp.Or(cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.SocialAccount, y.SocialAccount),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Window, y.Window))
	})
	return figures
}
