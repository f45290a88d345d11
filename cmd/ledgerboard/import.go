package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// importCommand appends the last state of reference entities, one JSON object a line:
//
//	{"type":"directory.account.v1","data":{…}}
//	{"type":"directory.user.v1","id":"…","erase":true}
type importCommand struct {
	storage
	logging
	Files  []string `arg:"" type:"existingfile" help:"JSON Lines files of entities: {\"type\":\"directory.account.v1\",\"data\":{…}} a line."`
	DryRun bool     `help:"Read and check everything, append nothing."`
}

// importBatch is the number of entities that are appended at a time.
const importBatch = 1000

// maxImportLine is the longest line, in bytes: as much as a record may have.
const maxImportLine = 1 << 20

// maxRefusals is how many refused lines are listed one by one.
const maxRefusals = 50

// Run implements the command: everything is checked before anything is appended.
func (c importCommand) Run(ctx context.Context, s streams) error {
	var drafts []domain.Draft
	registry := domain.NewRegistry()
	var refused []error
	for _, path := range c.Files {
		read, wrong, err := readEntities(path, registry, time.Now())
		if err != nil {
			return err
		}
		drafts, refused = append(drafts, read...), append(refused, wrong...)
	}
	if len(refused) > 0 {
		more := ""
		if len(refused) > maxRefusals {
			more = fmt.Sprintf("\n… and %d more", len(refused)-maxRefusals)
			refused = refused[:maxRefusals]
		}
		return usageError{fmt.Errorf("nothing was imported; mend these lines and repeat:\n%w%s", errors.Join(refused...), more)}
	}
	if c.DryRun {
		fmt.Fprintf(s.Out, "%d entities are well-formed; nothing was appended (--dry-run).\n", len(drafts))
		return nil
	}
	return c.append(ctx, s, registry, drafts)
}

func (c importCommand) append(ctx context.Context, s streams, registry *domain.Registry, drafts []domain.Draft) (err error) {
	logger := c.logger(s)
	b := &backends{brokers: c.KafkaBrokers}
	if b.topics, err = parseTopics(); err != nil {
		return err
	}
	if len(b.brokers) == 0 {
		if err := b.startBroker(ctx, c.storage, logger); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, b.close()) }()
	log, err := openLog(ctx, c.storage, b, registry, logger)
	if err != nil {
		return err
	}
	b.add(log.Close)
	bar := newProgress(s.Err, "import", len(drafts))
	for len(drafts) > 0 {
		n := min(importBatch, len(drafts))
		if err := log.AppendBulk(ctx, drafts[:n]); err != nil {
			return fmt.Errorf("append after %d entities (repeating the import is safe): %w", bar.done, err)
		}
		bar.add(n)
		drafts = drafts[n:]
	}
	bar.end()
	fmt.Fprintf(s.Out, "%d entities imported.\n", bar.done)
	return nil
}

// importLine is one line of a file.
type importLine struct {
	Type  string          `json:"type"`
	Data  json.RawMessage `json:"data"`
	ID    string          `json:"id"`    // with Erase
	Erase bool            `json:"erase"` // append a tombstone
}

// readEntities reads one file. Lines that cannot be imported are returned with their number and reason.
func readEntities(path string, registry *domain.Registry, now time.Time) (drafts []domain.Draft, refused []error, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open import file: %w", err)
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
		draft, err := entityDraft(lines.Bytes(), registry, now)
		if err != nil {
			refused = append(refused, fmt.Errorf("%s line %d: %w", path, n, err))
			continue
		}
		drafts = append(drafts, draft)
	}
	err = lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		refused = append(refused, fmt.Errorf("%s line %d: is longer than %d bytes; what follows it was not read", path, n+1, maxImportLine))
		return drafts, refused, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s after line %d: %w", path, n, err)
	}
	return drafts, refused, nil
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
	entity, ok := data.(domain.DirectoryEntity)
	if !ok {
		return domain.Draft{}, fmt.Errorf("type %s is not a reference entity (directory.…)", l.Type)
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
