package analytics

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Gain is what the posts of some social accounts gained of one figure in the range: the sum of what each
// reading added since the last one before it, of the same post, that had the figure (the figures are cumulative). The
// first reading that has a figure adds all of it if the post was published since the agency reads the account, or at
// most a day before; else it is a baseline and adds nothing. A reading without the figure adds nothing; the next one
// with it has it all. All that was gained between two readings stands at the later one, however far apart they are:
// posts older than 90 days are read every 30 days, and what a page gained while it was not connected stands where it
// was read again. A page that moves between two clients of an agency goes on where it was: a reading's gain is the
// client's and member's who had the page at its capture. [PostCounts] names the platform metrics.
//
// The comparison is with the previous period (see [Total]), over the social accounts that have the
// figure in both.
type Gain struct {
	Value *int64 `json:"value"` // null when of no reading a gain is known
	// Previous is the gain of the period before, of the accounts that have both; null without any.
	Previous *int64 `json:"previous"`
	// Change is the gain of the same accounts less `previous`; null with `previous`.
	Change *int64 `json:"change"`
	// ChangePct is `change` in per cent of `previous`, with two decimals; null with `previous`, and where `previous`
	// is not positive.
	ChangePct *float64 `json:"change_pct"`
	// NoBaseline says that there is a `value` and nothing to compare it with.
	NoBaseline bool `json:"no_baseline" brief:"omitzero"`
	// ComparedInPart says that accounts of `value` have nothing in the period before: they are in neither
	// `change` nor `previous`.
	ComparedInPart bool `json:"compared_in_part" brief:"omitzero"`
	Accounts       int  `json:"accounts"` // how many social accounts `value` is made of
}

// gain adds up a metric over the social accounts of some platforms.
func (g *postGains) gain(metric string, platforms ...domain.Platform) Gain {
	var values []*metricValue
	for _, account := range g.accounts {
		if now := account.now.of(metric).value(); now != nil && slices.Contains(platforms, account.platform) {
			values = append(values, &metricValue{value: now, compared: now, previous: account.before.of(metric).value()})
		}
	}
	t := total(values)
	return Gain{t.Value, t.Previous, t.Change, t.ChangePct, t.NoBaseline, t.ComparedInPart, t.Accounts}
}

// buckets adds up the series of some platforms.
func (g *postGains) buckets(n int, platforms ...domain.Platform) []gainSums {
	sums := make([]gainSums, n)
	for p, series := range g.series {
		if slices.Contains(platforms, p) {
			for i := range series {
				sums[i].add(series[i])
			}
		}
	}
	return sums
}

// shows notes which social accounts' posts have the answer's figures.
func (g *postGains) shows(qc *queryContext) {
	for social, account := range g.accounts {
		qc.notePostMetrics(social, &account.now)
	}
}
