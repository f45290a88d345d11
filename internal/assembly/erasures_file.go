package assembly

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/durable"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ReadErasures reads the list of erasures: one JSON object ([domain.ErasedID]) a line. No file, or none named, is an empty list; an error
// names the line that is wrong.
func ReadErasures(path string) (domain.Erasures, error) {
	if path == "" {
		return domain.Erasures{}, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the list of erasures: %w", err)
	}
	var lines []domain.ErasedID
	for n, scan := 1, bufio.NewScanner(bytes.NewReader(raw)); scan.Scan(); n++ {
		var line domain.ErasedID
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		err := json.Unmarshal(scan.Bytes(), &line)
		if err == nil && (line.Kind == "" || line.ID == "" || line.At.IsZero()) {
			err = errors.New("kind, id or at is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("the list of erasures, %s line %d: %w; mend the line, nothing is erased again until then", path, n, err)
		}
		lines = append(lines, line)
	}
	return domain.NewErasures(lines), nil
}

// AppendErasures appends lines to the list, and returns when they are on the disk. It makes the file, for its owner alone; without a path
// it does nothing.
func AppendErasures(path string, lines []domain.ErasedID) (err error) {
	if path == "" {
		return nil
	}
	var text bytes.Buffer
	for _, line := range lines {
		if err := json.NewEncoder(&text).Encode(line); err != nil {
			return fmt.Errorf("append to the list of erasures: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("append to the list of erasures: %w", err)
	}
	_, err = file.Write(text.Bytes())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("append to the list of erasures: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil { // the name of a new file
		return fmt.Errorf("append to the list of erasures: %w", err)
	}
	return nil
}

// EraseAgain erases what the list of erasures says and the log still holds, as after a restore. Every start that may fold the log does so
// before it shows anything. Without a list it says so.
func (p *Parts) EraseAgain(ctx context.Context) error {
	logger := p.settings.Logger
	if p.settings.Erasures == "" {
		logger.InfoContext(ctx, "LEDGERBOARD_ERASURES_FILE is not set: after a restore of an older state nobody is erased again")
		return nil
	}
	list, err := ReadErasures(p.settings.Erasures)
	if err != nil || len(list) == 0 {
		return err
	}
	log, err := p.Log(ctx)
	if err != nil {
		return err
	}
	kept, err := p.Vault(ctx)
	if err != nil {
		return err
	}
	appended, err := commands.EraseAgain{
		List: list, Log: log, Kept: vault.NewEraser(kept), Now: time.Now, Figures: p.figuresErased, EachPartition: log.EachPartition,
		Directory: func(ctx context.Context, each func(domain.Recorded, error)) error {
			return ScanDirectory(ctx, log, each)
		},
		Contents: func(ctx context.Context, each func(domain.Recorded, error)) error {
			return scanTopic(ctx, log, domain.TopicContents, each)
		},
	}.Erase(ctx)
	if appended > 0 {
		logger.WarnContext(ctx, "the log held what the list of erasures names: it is erased again", "records", appended)
	}
	return err
}

// figuresErased are the erasures that all tables know; none where the tables are not made yet.
func (p *Parts) figuresErased(ctx context.Context) (map[domain.PostRef]time.Time, error) {
	tables, err := p.Tables(ctx)
	if err != nil {
		return nil, err
	}
	if !tables.Complete() {
		return map[domain.PostRef]time.Time{}, nil
	}
	topics, err := Topics()
	if err != nil {
		return nil, err
	}
	return readmodels.FiguresErased(ctx, tables, PartitionsOf(topics, domain.TopicContents))
}

// scanTopic hands over every record of a topic, one at a time and those of a key in their order.
func scanTopic(ctx context.Context, log *eventlog.Log, topic string, each func(domain.Recorded, error)) error {
	var mu sync.Mutex // partitions come in parallel; a key lives in one of them
	return log.Scan(ctx, eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range run.Records {
			each(log.Decode(r))
		}
		return nil
	}})
}
