package api

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Prover gives auditors evidence that they check themselves; *proof.Prover implements it. Its errors for people are
// [domain.Error]s.
type Prover interface {
	// Checkpoints returns those whose signature holds, oldest first.
	Checkpoints(ctx context.Context) ([]proof.Published, error)
	// Bundle writes the proof bundle of an agency.
	Bundle(ctx context.Context, parent string, out io.Writer) (proof.Exported, error)
}

// CheckpointEntry is a signed statement about the log as a whole; it names no agency.
type CheckpointEntry struct {
	ID      string    `json:"id"`      // SHA-256 of its text, 64 hex digits
	Time    time.Time `json:"time"`    // of the signature, by the signer's clock
	Records int64     `json:"records"` // of all agencies that it covers
	Note    string    `json:"note"`    // the statement with its signature, as it was signed: what is to be checked and kept
}

// checkpoints answers the checkpoints that count, newest first. Looking at them is not recorded: they show nothing of an
// agency.
func (s *Server) checkpoints(r *http.Request, page readmodels.Page) (entries []CheckpointEntry, meta readmodels.ListMeta, err error) {
	cursors := readmodels.CursorScope{List: "checkpoints"}
	after, err := readmodels.DecodeCursor[string](page.Cursor, cursors)
	if err != nil {
		return nil, meta, err
	}
	list, err := s.deps.Audit.Proofs.Checkpoints(r.Context())
	if err != nil {
		return nil, meta, err
	}
	slices.Reverse(list)
	if after != nil {
		list = list[slices.IndexFunc(list, func(c proof.Published) bool { return hexOf(c.ID()) == *after })+1:]
	}
	for _, c := range list[:min(len(list), page.Size()+1)] {
		entries = append(entries, CheckpointEntry{ID: hexOf(c.ID()), Time: c.Time.UTC(), Records: c.Records(), Note: c.Note})
	}
	entries, meta.NextCursor, err = readmodels.CutPage(entries, page.Size(), cursors, func(e CheckpointEntry) string { return e.ID })
	return entries, meta, err
}

// exportBundle sends the proof bundle of the agency. It is made in a file without a name first: the record of the reading says up to
// which version it goes, and no slow reader holds the memory that a proof takes.
func (s *Server) exportBundle(w http.ResponseWriter, r *http.Request, _ none) error {
	file, err := os.CreateTemp("", "ledgerboard-bundle-*")
	if err == nil {
		defer file.Close()
		err = os.Remove(file.Name())
	}
	if err != nil {
		return fmt.Errorf("make room for bundle: %w", err)
	}
	parent := auditor(r).ParentAccount
	exported, err := s.deps.Audit.Proofs.Bundle(r.Context(), parent, file)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read bundle: %w", err)
	}
	record := domain.AuditExported{What: domain.AuditHistory, Format: domain.FormatBundle, AsOf: exported.Records}
	return s.sendFile(w, r, record, contentNDJSON, "proof-"+parent+".jsonl", func(out *bufio.Writer) error {
		_, err := io.Copy(out, file) // a bundle says itself that it is cut
		return err
	})
}

func hexOf(h tlog.Hash) string { return hex.EncodeToString(h[:]) }
