package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const (
	// proofMemoryBar is what verify, and ten bundles asked for at once, may need at most, in MiB, at 10,000,000 records.
	proofMemoryBar = 512
	bundlesAtOnce  = 10
)

// proofMemories are what can be measured alone, after the signing.
func proofMemories() []string { return []string{verifyMemory, bundlesMemory} }

const (
	verifyMemory  = "verify_memory"
	bundlesMemory = "bundles_memory"
)

// proofMemory measures the memory of signing, of verify and of bundles of a log of so many records. The records are made while they are
// read, so that neither a broker nor its disk is measured; all of it happens in this process, whose peak is what is printed. So what
// the maker of records needs counts too.
func (b *bench) proofMemory(records int, asked func(name string) bool) func(ctx context.Context, print func(result) error) error {
	return func(ctx context.Context, print func(result) error) error {
		log, err := newMadeLog(records)
		if err != nil {
			return err
		}
		signer, err := b.signing(log, log.Append, log.ends)
		if err != nil {
			return err
		}
		measured := func(name string, work func() error) error {
			peak, err := peakOf(work)
			if err != nil {
				return err
			}
			return print(against(fmt.Sprintf("%s_%d_records", name, log.records()), "MiB", peak, proofMemoryBar))
		}
		err = measured("sign_memory", func() error {
			_, signed, err := signer.Sign(ctx)
			if err == nil && !signed {
				err = errors.New("nothing was signed")
			}
			return err
		})
		if err == nil && asked(verifyMemory) {
			err = measured(verifyMemory, func() error { return signer.verify(ctx, log, log.records()) })
		}
		if err == nil && asked(bundlesMemory) {
			err = measured(bundlesMemory, func() error { return bundlesOfMade(ctx, log, signer) })
		}
		return err
	}
}

// peakOf is the most memory that this process had resident during the work, in MiB.
func peakOf(work func() error) (float64, error) {
	// Linux sets the peak back to what is resident.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return 0, fmt.Errorf("begin to measure memory: %w", err)
	}
	if err := work(); err != nil {
		return 0, err
	}
	memory, err := memoryOf(os.Getpid())
	return memory.peak / (1 << 20), err
}

// bundlesOfMade asks for bundles at once; whoever is refused because others wait asks again.
func bundlesOfMade(ctx context.Context, log *madeLog, signer signing) error {
	prover := proof.NewProver(log, func() (note.Verifiers, error) { return signer.known, nil }, &signer.file)
	group, ctx := errgroup.WithContext(ctx)
	for i := range bundlesAtOnce {
		group.Go(func() error {
			for {
				done, err := prover.Bundle(ctx, log.agencies[i], io.Discard)
				if err == nil && done.Covered != done.Records {
					err = fmt.Errorf("%d of %d records are covered", done.Covered, done.Records)
				}
				if refused, is := errors.AsType[*domain.Error](err); !is || refused.RetryAfter == 0 {
					return err
				}
				time.Sleep(time.Second)
			}
		})
	}
	return group.Wait()
}
