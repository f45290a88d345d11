package commands

import (
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EraseDraft makes the draft of a tombstone: the entity disappears from the read model, and from the log once it is
// compacted.
func EraseDraft(kind, id string, now time.Time) domain.Draft {
	key := domain.DirectoryKey(kind, id)
	return domain.Draft{Topic: domain.TopicDirectory, Key: key, Envelope: domain.Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Type: "directory." + kind + ".v1", Subject: key,
		Time: now.UTC().Truncate(time.Microsecond),
	}}
}

// EntityDraft makes the draft of the whole last state of an entity.
func EntityDraft(entity domain.DirectoryEntity, now time.Time) domain.Draft {
	return NewDraft(domain.TopicDirectory, domain.EntityKey(entity), entity, now)
}
