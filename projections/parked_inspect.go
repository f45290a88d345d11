package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// ParkedRecord is a parked event as it stands in the log.
type ParkedRecord = operator.ParkedRecord

// InspectParked reads a parked event from the log. Its errors: invalid for an id that is none; not_found when nothing
// is parked there.
func (e *Engine) InspectParked(ctx context.Context, id string) (ParkedRecord, error) {
	list, err := ListParked(ctx, e.pool, ParkedFilter{IDs: []string{id}, Projection: e.projector.Name})
	if err != nil {
		return ParkedRecord{}, err
	}
	if len(list) == 0 {
		return ParkedRecord{}, domain.NewError(domain.CodeNotFound, "No event is parked as %s.", id)
	}
	r := ParkedRecord{ParkedEvent: list[0], Headers: []operator.RecordHeader{}}
	raw, err := e.log.ReadAt(ctx, r.Position())
	if r.Gone = e.compacted && errors.Is(err, eventlog.ErrNoRecord); r.Gone {
		return r, nil
	}
	if err != nil {
		return ParkedRecord{}, fmt.Errorf("read parked event %s: %w", id, err)
	}
	for _, h := range raw.Headers {
		r.Headers = append(r.Headers, operator.RecordHeader{Key: shown([]byte(h.Key)), Value: shown(h.Value)})
	}
	r.Bytes = len(raw.Value)
	switch {
	case json.Valid(raw.Value):
		r.Payload = raw.Value
	case len(raw.Value) > 0:
		if r.Payload, err = json.Marshal(shown(raw.Value)); err != nil {
			return ParkedRecord{}, fmt.Errorf("show parked event %s: %w", id, err)
		}
	}
	return r, nil
}

// shown is what a person can be shown of bytes.
func shown(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }
