package proof_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A bundle is verified with only the public key: no broker, no database.
func ExampleVerifyBundle() {
	public, err := os.ReadFile("testdata/bundle.pub")
	if err != nil {
		panic(err)
	}
	verifiers, err := proof.ParseVerifiers(string(public))
	if err != nil {
		panic(err)
	}
	bundle, err := os.ReadFile("testdata/bundle.jsonl")
	if err != nil {
		panic(err)
	}
	report, err := proof.VerifyBundle(bytes.NewReader(bundle), verifiers, proof.Kept{})
	fmt.Println(report.OK(), report.Records, "records,", report.Covered, "signed", err)

	// Without its second record.
	lines := strings.SplitAfter(string(bundle), "\n")
	report, err = proof.VerifyBundle(strings.NewReader(lines[0]+lines[1]+lines[3]), verifiers, proof.Kept{})
	fmt.Println(report.OK(), report.Findings[0].Version, "after", report.Records, "record", err)
	// Output:
	// true 3 records, 3 signed <nil>
	// false 2 after 1 record <nil>
}

// A checkpoint is a signed text; anyone with the public key can detect a changed byte.
func ExampleCheckpoint_Sign() {
	private, public, err := proof.GenerateKey() // as `ledgerboard keygen` does
	if err != nil {
		panic(err)
	}
	signer, _, err := proof.ParseKey(private)
	if err != nil {
		panic(err)
	}
	checkpoint := proof.Checkpoint{
		Time:       time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC),
		Partitions: []proof.Covered{{Records: 3, Agencies: 1}, {}},
	}
	signed, err := checkpoint.Sign(signer)
	if err != nil {
		panic(err)
	}
	verifiers, err := proof.ParseVerifiers(public)
	if err != nil {
		panic(err)
	}
	opened, err := proof.OpenCheckpoint(signed, verifiers)
	fmt.Println(opened.Records(), "records by", opened.Time.Format(time.DateOnly), err)

	_, err = proof.OpenCheckpoint(bytes.Replace(signed, []byte("2026-03-31"), []byte("2026-03-30"), 1), verifiers)
	fmt.Println(err != nil)
	// Output:
	// 3 records by 2026-03-31 <nil>
	// true
}
