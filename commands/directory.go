package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Directory records the last state of the main application's reference entities.
type Directory struct {
	Log Appender
	Now func() time.Time
}

// Put appends the whole state of an entity; nil means that it is in the log.
func (d Directory) Put(ctx context.Context, entity domain.DirectoryEntity) error {
	draft := EntityDraft(entity, d.Now())
	if err := d.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record %s: %w", draft.Key, err)
	}
	return nil
}

// Erase appends a tombstone: the entity disappears from the read model, and from the log once it is
// compacted; nil means that the tombstone is in the log.
func (d Directory) Erase(ctx context.Context, kind, id string) error {
	draft := EraseDraft(kind, id, d.Now())
	if err := d.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("erase %s: %w", draft.Key, err)
	}
	return nil
}

// EraseDraft makes the draft of a tombstone.
func EraseDraft(kind, id string, now time.Time) domain.Draft {
	key := domain.DirectoryKey(kind, id)
	return domain.Draft{Topic: domain.TopicDirectory, Key: key, Envelope: domain.Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Type: "directory." + kind + ".v1", Subject: key,
		Time: now.UTC().Truncate(time.Microsecond),
	}}
}

// EntityDraft makes the draft that puts an entity, for writers that append many at once.
func EntityDraft(entity domain.DirectoryEntity, now time.Time) domain.Draft {
	return NewDraft(domain.TopicDirectory, domain.DirectoryKey(entity.EntityKind(), entity.EntityID()), entity, now)
}
