package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// importLine is one line of a file.
type importLine struct {
	Type  string          `json:"type"`
	Data  json.RawMessage `json:"data"`
	ID    string          `json:"id"`    // with Erase
	Erase bool            `json:"erase"` // append a tombstone
}

// maxImportLine is the longest line of entities, in bytes: as much as a record may have.
const maxImportLine = legacy.MaxRow

// entities reads the files of entities; what is wrong with a line refuses it.
func (i *importing) entities() error {
	for _, path := range i.Files {
		if err := i.readEntities(path); err != nil {
			return err
		}
	}
	return nil
}

func (i *importing) readEntities(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open import file: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxImportLine)
	n := 0
	for lines.Scan() {
		n++
		if len(lines.Bytes()) == 0 {
			continue
		}
		draft, err := entityDraft(lines.Bytes(), i.registry, i.now)
		if err != nil {
			i.refused(place{path, n}, err)
			continue
		}
		if draft.Topic == domain.TopicMetrics {
			i.registrations++
		}
		i.directory = append(i.directory, placed{place{path, n}, draft})
	}
	err = lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		i.refused(place{path, n + 1}, fmt.Errorf("is longer than %d bytes; what follows it was not read", maxImportLine))
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s after line %d: %w", path, n, err)
	}
	return nil
}

func entityDraft(line []byte, registry *domain.Registry, now time.Time) (domain.Draft, error) {
	var l importLine
	if err := json.Unmarshal(line, &l); err != nil && !errors.Is(err, io.EOF) {
		return domain.Draft{}, fmt.Errorf("is not a JSON object: %w", err)
	}
	if l.Erase {
		return eraseDraft(l, registry, now)
	}
	data, err := registry.Decode(l.Type, l.Data)
	if err != nil {
		return domain.Draft{}, err
	}
	if post, ok := data.(domain.PostRegistered); ok {
		return commands.NewDraft(domain.TopicMetrics, post.Key(), post, now), nil
	}
	entity, ok := data.(domain.DirectoryEntity)
	if !ok {
		return domain.Draft{}, fmt.Errorf("type %s is neither a reference entity (directory.…) nor metrics.post_registered.v1", l.Type)
	}
	if id := entity.EntityID(); id == "" || id == "0" || id[0] == '-' {
		return domain.Draft{}, errors.New("the entity has no id, or one below 1")
	}
	if entity, err = canonicalEntity(entity); err != nil {
		return domain.Draft{}, err
	}
	return commands.EntityDraft(entity, now), nil
}

func eraseDraft(l importLine, registry *domain.Registry, now time.Time) (domain.Draft, error) {
	data, err := registry.Decode(l.Type, []byte("{}"))
	if err != nil {
		return domain.Draft{}, err
	}
	entity, ok := data.(domain.DirectoryEntity)
	if !ok || l.ID == "" {
		return domain.Draft{}, errors.New("an erasure needs a type directory.… and an id")
	}
	id, err := canonicalErasure(entity.EntityKind(), l.ID)
	if err != nil {
		return domain.Draft{}, err
	}
	return commands.EraseDraft(entity.EntityKind(), id, now), nil
}
