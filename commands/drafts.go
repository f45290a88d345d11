package commands

import (
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MaxSkew is how far ahead of the clock a capture time may lie.
const MaxSkew = time.Minute

// NewDraft makes the draft of an event that is in no chain, with a new event id.
func NewDraft(topic, key string, data domain.Data, now time.Time) domain.Draft {
	return domain.Draft{
		Topic: topic, Key: key, Data: data,
		Envelope: domain.Envelope{
			ID: uuid.Must(uuid.NewV7()).String(), Type: data.EventType(), Subject: key,
			Time: now.UTC().Truncate(time.Microsecond),
		},
	}
}
