package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// ExcludedReader tells what lies in the log and not in the history of an agency; internal/desk implements it.
type ExcludedReader interface {
	Excluded(ctx context.Context, parent string) (Excluded, error)
}

// MostExcluded bounds each list of [Excluded].
const MostExcluded = 500

// Excluded are the records of the log that are not in an agency's history, as far as they are known and concern it.
type Excluded struct {
	// Parked are changes of the agency's dashboards, and entries of who did what, that could not be taken into the tables, by their places in the log:
	// 500 at most. Readings and entities of the directory are not among them.
	Parked  []operator.ParkedEvent `json:"parked"`
	Foreign ForeignRecords         `json:"foreign"` // records that nobody of the service wrote, and that lie where the agency's do
}

// ForeignRecords are records that nobody of the service wrote. They count for nothing. The first 1,000 of each partition are kept.
type ForeignRecords struct {
	// Claiming are those whose key is the agency's id, by their places in the log: 500 at most. Whoever can write to the brokers can write any key.
	Claiming []domain.ForeignRecord `json:"claiming"`
	Records  int64                  `json:"claiming_count"` // how many of these are kept
	// Others is how many others are kept of the partitions that the agency's records lie in. Those that an earlier release met are among them,
	// whatever their keys are.
	Others int64 `json:"others_count"`
	More   bool  `json:"more"` // there may be more in these partitions, which are not kept
}

// getExcluded answers what lies in the log and not in the agency's history.
func (s *Server) getExcluded(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	if err := params.Err(); err != nil {
		return err
	}
	excluded, err := s.deps.Audit.Excluded.Excluded(r.Context(), parent)
	if err != nil {
		return err
	}
	p, _ := PrincipalFrom(r.Context())
	if err := s.deps.Audit.Records.RecordRead(r.Context(), caller(r, p, parent, auditRole(p)), domain.AuditRead{What: domain.AuditExcluded}); err != nil {
		return err
	}
	return s.writeData(w, excluded, nil)
}
