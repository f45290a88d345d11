package analytics

import (
	"cmp"
	"slices"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PlatformSources counts the social accounts of one platform by what their figures are worth.
type PlatformSources struct {
	readmodels.PlatformRef

	Sources int           `json:"sources"` // social accounts in scope
	Counts  []StatusCount `json:"counts"`  // the gravest status first; statuses that none has are left out
	Reason  string        `json:"reason"`  // why one has the gravest status: a sentence; "" when all are ok
	// Paused is how many of them an operator has paused, whatever their status: nothing new of them comes until that is resumed. Absent
	// where none is.
	Paused int `json:"paused_sources,omitempty"`
}

// StatusCount is how many social accounts have a status.
type StatusCount struct {
	Status  SourceStatus `json:"status"`
	Sources int          `json:"sources"` // social accounts
}

// CountSources counts sources by platform, in their order; never nil.
func CountSources(sources []Source) []PlatformSources {
	counted := []PlatformSources{}
	for _, s := range sources { // ordered by platform
		if n := len(counted); n == 0 || counted[n-1].Platform != s.Platform {
			counted = append(counted, PlatformSources{PlatformRef: s.PlatformRef, Counts: []StatusCount{}})
		}
		p := &counted[len(counted)-1]
		p.Sources++
		if s.Paused != "" {
			p.Paused++
		}
		at := slices.IndexFunc(p.Counts, func(c StatusCount) bool { return c.Status == s.Status })
		if at < 0 {
			at = len(p.Counts)
			p.Counts = append(p.Counts, StatusCount{Status: s.Status})
			if !slices.ContainsFunc(p.Counts, func(c StatusCount) bool { return graver(c.Status, s.Status) < 0 }) {
				p.Reason = s.Reason
			}
		}
		p.Counts[at].Sources++
	}
	for i := range counted {
		slices.SortFunc(counted[i].Counts, func(a, b StatusCount) int { return graver(a.Status, b.Status) })
	}
	return counted
}

// graver compares two statuses: below 0, the first is graver.
func graver(a, b SourceStatus) int {
	return cmp.Compare(slices.Index(sourceStatuses, a), slices.Index(sourceStatuses, b))
}
