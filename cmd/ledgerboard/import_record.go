package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// importActor is who the trail names: the command line knows no user.
const importActor = "system:import"

// appendRecord puts the import on record, if it is going to append anything.
func (i *importing) appendRecord(ctx context.Context) error {
	record := domain.DataImported{
		Entities: i.report.Imported.Entities, Connections: i.report.Imported.Connections, Dashboards: i.report.Imported.Dashboards,
		Posts: i.report.Imported.Posts, AccountReadings: i.report.Imported.AccountReadings, PostReadings: i.report.Imported.PostReadings,
	}
	for _, h := range i.hashes {
		if h.put {
			record.Users++
		}
	}
	if record.Entities+record.Connections+record.Users+record.Dashboards+record.Posts+record.AccountReadings+record.PostReadings == 0 {
		return nil
	}
	record.Repaired, record.Refused = len(i.report.Repairs), len(i.report.Refused)
	for _, path := range slices.Concat(i.Files, i.Preferences, i.Posts, i.AccountInsights, i.PostInsights, i.MemberAuth, i.Passwords) {
		file, err := importedFile(path)
		if err != nil {
			return err
		}
		record.Files = append(record.Files, file)
	}
	draft := commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, record, i.now)
	draft.Envelope.Audit.Actor = importActor
	if err := i.log.Append(ctx, draft); err != nil {
		return fmt.Errorf("put the import on record (nothing was imported): %w", err)
	}
	return nil
}

// importedFile reads a file's size and digest.
func importedFile(path string) (domain.ImportedFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return domain.ImportedFile{}, fmt.Errorf("open import file: %w", err)
	}
	defer file.Close()
	digest := sha256.New()
	size, err := io.Copy(digest, file)
	if err != nil {
		return domain.ImportedFile{}, fmt.Errorf("read import file: %w", err)
	}
	return domain.ImportedFile{Name: filepath.Base(path), Bytes: size, SHA256: hex.EncodeToString(digest.Sum(nil))}, nil
}
