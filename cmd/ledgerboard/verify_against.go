package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// together verifies a bundle, and that it and another signed statement are of one log.
func (c verifyCommand) together(ctx context.Context, s streams) error {
	known, err := c.verifiers(c.storage)
	if err != nil {
		return err
	}
	if err := c.bundle(ctx, s); err != nil {
		return err
	}
	other := c
	one, _, err := readSigned(c.Bundle, known)
	if err != nil {
		return err
	}
	two, isBundle, err := readSigned(c.Against, known)
	if errors.Is(err, proof.ErrCheckpoint) {
		fmt.Fprintf(s.Out, "%s: %s\n", c.Against, err)
		return errBundleFindings
	}
	if err != nil {
		return err
	}
	if isBundle {
		if other.Bundle = c.Against; other.Bundle != c.Bundle {
			if err := other.bundle(ctx, s); err != nil {
				return err
			}
		}
		if err := c.sameHistory(s, known); err != nil {
			return err
		}
	}
	return c.consistent(ctx, s, one, two)
}

func readSigned(name string, known note.Verifiers) (signed proof.Checkpoint, isBundle bool, err error) {
	file, err := os.Open(name)
	if err != nil {
		return signed, false, fmt.Errorf("open evidence: %w", err)
	}
	defer file.Close()
	return proof.ReadSigned(file, known)
}

// sameHistory holds the records of both bundles against each other.
func (c verifyCommand) sameHistory(s streams, known note.Verifiers) error {
	one, err := os.Open(c.Bundle)
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	defer one.Close()
	two, err := os.Open(c.Against)
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	defer two.Close()
	finding, err := proof.SameHistory(one, two, known)
	if err != nil {
		return fmt.Errorf("compare bundles: %w", err)
	}
	return c.tell(s, finding)
}

// tell prints a finding, which ends a verification.
func (c verifyCommand) tell(s streams, finding *proof.Finding) error {
	switch {
	case finding == nil:
		return nil
	case c.JSON:
		if err := json.NewEncoder(s.Out).Encode(finding); err != nil {
			return fmt.Errorf("write finding: %w", err)
		}
	default:
		fmt.Fprintln(s.Out, plain(finding.String()))
	}
	return errBundleFindings
}

// consistent asks for the proof that one checkpoint goes on from the other, and checks it.
func (c verifyCommand) consistent(ctx context.Context, s streams, older, newer proof.Checkpoint) error {
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	var proved tlog.TreeProof
	if older.Size > 0 && older.Size < newer.Size {
		if c.URL == "" {
			return usageError{errors.New("the two are of different times: name the service that proves that one goes on from the other with --url")}
		}
		var err error
		proved, err = c.proofOf(ctx, older, newer)
		if errors.Is(err, errNotFoundThere) {
			return c.absent(ctx, s, err, older, newer)
		}
		if err != nil {
			return err
		}
	}
	if err := c.tell(s, proof.Consistent(older, newer, proved)); err != nil || c.JSON {
		return err
	}
	fmt.Fprintf(s.Out, "Both are of one log: the %d records that were signed on %s are the first of the %d that were signed on %s.\n",
		older.Size, older.Time.Format("2006-01-02 15:04:05 MST"), newer.Size, newer.Time.Format("2006-01-02 15:04:05 MST"))
	fmt.Fprintln(s.Out, proof.ComparedOperations(older, newer))
	return nil
}

// absent tells why a service has no proof. Only its own list of checkpoints accuses it: whatever else listens at an address says "not found", too.
func (c verifyCommand) absent(ctx context.Context, s streams, said error, older, newer proof.Checkpoint) error {
	missing := map[string]proof.Checkpoint{}
	for _, signed := range []proof.Checkpoint{older, newer} {
		id := signed.ID()
		missing[hex.EncodeToString(id[:])] = signed
	}
	if err := c.published(ctx, func(entry publishedNote) { delete(missing, entry.ID) }); err != nil {
		return fmt.Errorf("this is no service that proves, check --url: %w", errors.Join(said, err))
	}
	if len(missing) == 0 {
		return fmt.Errorf("the service lists both checkpoints and proves nothing, run it again: %w", said)
	}
	var of []string
	for id, signed := range missing {
		of = append(of, fmt.Sprintf("%s of %s", id, signed.Time.Format("2006-01-02 15:04:05 MST")))
	}
	slices.Sort(of)
	return c.tell(s, &proof.Finding{Kind: proof.KindCheckpoint, Detail: fmt.Sprintf("the service does not list the signed checkpoint %s: %s",
		strings.Join(of, ", nor "), cmp.Or(proof.RestoredBetween(older, newer), "either its log is another one, or the checkpoint was taken away"))})
}

// proofOf asks the service for a proof. What it answers need not be believed: [proof.Consistent] checks it.
func (c verifyCommand) proofOf(ctx context.Context, older, newer proof.Checkpoint) (tlog.TreeProof, error) {
	first, last := older.ID(), newer.ID()
	var raw bytes.Buffer
	err := c.download(ctx, "/api/audit/checkpoints/consistency",
		url.Values{"older": {hex.EncodeToString(first[:])}, "newer": {hex.EncodeToString(last[:])}}, &raw)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Proof []string `json:"proof"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("the answer is not that of ledgerboard: %w", err)
	}
	proved := make(tlog.TreeProof, len(answer.Data.Proof))
	for i, text := range answer.Data.Proof {
		hash, _ := hex.DecodeString(text) // what is none proves nothing
		copy(proved[i][:], hash)
	}
	return proved, nil
}
